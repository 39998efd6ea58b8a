// What there is to do at Alexa's: link the account, allow events, make the first call.
import { html } from "../../vendor/preact-htm.js";
import { to } from "../route.js";
import { t } from "../text.js";
import { Action } from "./action.js";
import { Values, YOUR_HUB } from "./values.js";

function Steps({ section, count }) {
  return html`<ol class="how">${Array.from({ length: count }, (_, at) => html`<li>${t(`set_up.${section}_step_${at + 1}`)}</li>`)}</ol>`;
}

export function Account({ line: { state, code, values }, next }) {
  if (["demo", "without"].includes(code)) return null;
  const clients = values.clients.map(({ region, client_id: id }) => [t(`set_up.client_${region}`), id]);
  const rows = [
    [t("set_up.authorize"), values.authorize ?? `${YOUR_HUB}/auth/authorize`],
    [t("set_up.token_uri"), values.token ?? `${YOUR_HUB}/auth/token`],
    ...clients,
    [t("set_up.scope"), values.scope],
  ];
  return html`<details open=${next}><summary>${t("set_up.linking")}</summary>
      <${Steps} section="account" count=${3} />
      <${Values} rows=${rows} />
      <p class="hint">${t("set_up.linking_rest")}</p>
    </details>
    ${state === "done" && html`<div class="buttons"><${Action} path="links/open" content=${{}} label=${t("people.open_linking")} /></div>`}`;
}

export function Events({ line: { state, values }, next }) {
  return html`${values.why && html`<p class="soft hint">${t("set_up.detail", { detail: values.why })}</p>`}
    ${state !== "done" && html`<details open=${next}><summary>${t("set_up.how")}</summary><${Steps} section="events" count=${3} /></details>
      <p><a href=${to("settings")}>${t("set_up.open_settings")}</a></p>`}`;
}

export function Call({ line: { state, values }, demo }) {
  return html`${state !== "done" && values.say && html`<p><q>${t("set_up.say", { camera: values.say })}</q></p>`}
    ${values.call && html`<p><a href=${to("calls", values.call.id)}>${t("set_up.see_call")}</a></p>`}
    ${state !== "done" && html`<p><a href=${to(demo ? "demo" : "activity")}>${t(demo ? "set_up.play_echo" : "set_up.see_activity")}</a></p>`}`;
}
