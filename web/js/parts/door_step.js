// The road by which Alexa's directives come in: tried from here, and what the Lambda function has to know.
import { html, useState } from "../../vendor/preact-htm.js";
import { act, lines } from "../api.js";
import { restart } from "../house.js";
import { to } from "../route.js";
import { date, t } from "../text.js";
import { Copy } from "./copy.js";
import { Values, YOUR_HUB } from "./values.js";
import { Waiting } from "./waiting.js";

// Routers that turn away who comes from inside look like this.
const INSIDE = ["refused", "timeout", "lost", "foreign", "untrusted", "wrong_name", "no_tls"];

function Outcome({ code, at }) {
  return html`<p class="error">${t(`set_up.reach_${code}`)}${at && ` (${date(at)})`}</p>
    ${INSIDE.includes(code) && html`<p class="soft hint">${t("set_up.reach_inside")}</p>`}`;
}

// What is typed is tried before it is kept.
function Reach({ base }) {
  const [address, setAddress] = useState(base ?? "");
  const [step, setStep] = useState(null);
  const [last, setLast] = useState({});
  const run = async (work) => {
    setLast({});
    try {
      setLast(await work());
    } catch (error) {
      setLast({ error: error.message });
    }
    setStep(null);
  };
  const test = (event) => {
    event.preventDefault();
    run(async () => {
      let answer = { trouble: "no_answer" };
      setStep(t("set_up.step_looking_up"));
      await lines("reach", { url: address }, (line) => (line.progress ? setStep(t(`set_up.step_${line.progress}`)) : (answer = line)));
      return answer;
    });
  };
  const keep = (url) =>
    run(async () => {
      setStep(t("set_up.step_saving"));
      await act("PUT", "settings", { changes: [{ key: "door.public_url", value: url }] });
      await restart();
      return { kept: true };
    });
  const { reached, trouble, detail, error, kept } = last;
  const other = (reached ?? {}).url?.replace(/\/$/, "") !== base;
  return html`<form onSubmit=${test}>
    <div class="field"><label for="door-address">${t("set_up.door_address")}</label>
      <input id="door-address" value=${address} onInput=${({ target }) => setAddress(target.value)} required autocomplete="off" autocapitalize="off" spellcheck=${false} inputmode="url" placeholder="https://door.example.org" aria-describedby="door-address-hint" />
      <span class="soft hint" id="door-address-hint">${t("set_up.door_address_hint")}</span></div>
    <div class="buttons"><button disabled=${step != null}>${t("set_up.test_door")}</button>
      ${reached && other && html`<button type="button" class="primary" disabled=${step != null} onClick=${() => keep(reached.url)}>${t("set_up.keep_door")}</button>`}
      <${Waiting} text=${step} /></div>
    <div role="status" id="reach">
      ${reached && html`<p class="well">${t("set_up.reach_reached")}</p>`}
      ${kept && html`<p class="well">${t("set_up.step_joining")}</p>`}
      ${trouble && html`<${Outcome} code=${trouble} />${detail && html`<p class="soft hint">${t("set_up.detail", { detail })}</p>`}`}
      ${error && html`<p class="error">${error}</p>`}
    </div>
  </form>`;
}

function Token() {
  const [token, setToken] = useState(null);
  const [failure, setFailure] = useState(null);
  const show = () => act("POST", "door/token", {}).then((reply) => setToken(reply.token), (error) => setFailure(error.message));
  if (token) return html`<${Copy} what=${t("set_up.door_token")} value=${token} /> <button onClick=${() => setToken(null)}>${t("set_up.hide")}</button>`;
  return html`<button aria-label=${t("set_up.show_what", { what: t("set_up.door_token") })} onClick=${show}>${t("set_up.show")}</button>
    ${failure && html`<span class="error" role="alert">${failure}</span>`}`;
}

export function DoorStep({ line: { state, code, values }, next }) {
  if (code === "demo") return null;
  const { base, open, hub, add_on, hubless, tried } = values;
  // As the function's environment variables are called.
  const rows = open ? [["DOOR_URL", base]] : [["HUB_URL", hub ?? YOUR_HUB], ["ADD_ON", add_on]];
  const road = hubless ? "hubless" : open ? "open" : "ingress";
  return html`${tried && state !== "done" && html`<${Outcome} ...${tried} />`}
    ${open && html`<details open=${state !== "done"}><summary>${t("set_up.try_door")}</summary><${Reach} key=${base} base=${base} /></details>`}
    ${!open && html`<p><a href=${to("settings")}>${t("set_up.open_settings")}</a></p>`}
    ${code !== "closed" && html`<details open=${next}><summary>${t("set_up.lambda")}</summary>
      <p class="hint">${t("set_up.lambda_hint")}</p>
      <${Values} rows=${rows}>${hubless && html`<dt>DOOR_TOKEN</dt><dd><${Token} /></dd><dt>ALLOWED_USERS</dt><dd>amzn1.account.…</dd>`}<//>
      ${open && !base && html`<p class="soft hint">${t("set_up.lambda_no_address")}</p>`}
      <p class="soft hint">${t(`set_up.lambda_${road}`)}</p>
    </details>`}`;
}
