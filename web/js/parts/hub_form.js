// The hub's address and token: tried first, kept only if they are good.
import { html, useState } from "../../vendor/preact-htm.js";
import { act, lines } from "../api.js";
import { restart } from "../house.js";
import { t } from "../text.js";
import { Waiting } from "./waiting.js";

// Where the hub lets a user make a token, as far as the address is one by now.
function profile(address) {
  try {
    const url = new URL(/^https?:\/\//i.test(address) ? address : `http://${address}`);
    if (!address.includes("://") && !url.port) url.port = "8123";
    return new URL("/profile/security", url).href;
  } catch {
    return null;
  }
}

async function attempt(url, token, tell) {
  let last = null;
  await lines("hub/try", { url, ...(token && { token }) }, (line) => (line.progress ? tell(t(`set_up.step_${line.progress}`)) : (last = line)));
  return last ?? { trouble: "silent", detail: "" };
}

function Trouble({ trouble, detail, error }) {
  if (error) return html`<p class="error" role="alert">${error}</p>`;
  if (!trouble) return null;
  return html`<div role="alert" id="hub-trouble" data-code=${trouble}><p class="error">${t(`set_up.try_${trouble}`)}</p>${detail && html`<p class="soft hint">${t("set_up.detail", { detail })}</p>`}</div>`;
}

// `kept`: the address of before. `joined` is told when the house starts anew with what was found.
export function HubForm({ kept, joined }) {
  const [address, setAddress] = useState(kept ?? "");
  const [token, setToken] = useState("");
  const [step, setStep] = useState(null);
  const [last, setLast] = useState({});
  const connect = async (event) => {
    event.preventDefault();
    setLast({});
    setStep(t("set_up.step_looking_up"));
    try {
      const answer = await attempt(address, token, setStep);
      setLast(answer);
      if (answer.found) {
        setStep(t("set_up.step_saving"));
        const changes = [{ key: "hub.url", value: answer.found.url }];
        if (token) changes.push({ key: "hub.token", value: token.trim() });
        await act("PUT", "settings", { changes });
        await restart();
        setToken("");
        joined(answer.found);
      }
    } catch (error) {
      setLast({ error: error.message });
    }
    setStep(null);
  };
  const page = profile(address.trim());
  const fault = last.trouble && ["token", "no_token", "token_form"].includes(last.trouble) ? "token" : last.trouble && "address";
  return html`<form class="join" onSubmit=${connect}>
    <div class="field"><label for="hub-address">${t("set_up.address")}</label>
      <input id="hub-address" value=${address} onInput=${({ target }) => setAddress(target.value)} required autocomplete="off" autocapitalize="off" spellcheck=${false} inputmode="url" placeholder="homeassistant.local:8123" aria-invalid=${fault === "address" ? "true" : null} aria-describedby="hub-address-hint" />
      <span class="soft hint" id="hub-address-hint">${t("set_up.address_hint")}</span></div>
    <div class="field"><label for="hub-token">${t("set_up.token")}</label>
      <input id="hub-token" type="password" value=${token} onInput=${({ target }) => setToken(target.value)} required=${!kept} autocomplete="off" aria-invalid=${fault === "token" ? "true" : null} aria-describedby="hub-token-hint" />
      <span class="soft hint" id="hub-token-hint">${t("set_up.token_hint")} ${page && html`<a href=${page} target="_blank" rel="noreferrer noopener">${t("set_up.token_page")}</a>`}</span></div>
    <div class="buttons"><button class="primary" disabled=${step != null}>${t("set_up.connect")}</button>
      <${Waiting} text=${step} /></div>
    <${Trouble} ...${last} />
    ${last.found && html`<p class="well" role="status">${found(last.found)}</p>`}
  </form>`;
}

export function found({ name, version, cameras }) {
  return cameras == null ? t("set_up.found", { name, version }) : t("set_up.found_cameras", { name, version, n: cameras });
}
