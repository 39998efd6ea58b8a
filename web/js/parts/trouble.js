// What is wrong with a camera, and what to do about it.
import { html } from "../../vendor/preact-htm.js";
import { to } from "../route.js";
import { t } from "../text.js";
import { plain, Tail } from "./reason.js";
import { isOfCamera, next, sentence } from "./verdict.js";

// Pictures that came since make old trouble history.
const shown = (camera) => camera.live?.picture;

export function trouble(camera) {
  if (!camera.on) return null;
  return camera.live?.trouble ?? (shown(camera) ? null : camera.reason);
}

// What the last call failed of, and what helps: its sentence knows more than the camera's own words.
function LastFailure({ call }) {
  if (!isOfCamera(call)) return null;
  return html`<p class="soft" id="last-failure">${t("cameras.last_call")}: ${sentence(call)} <strong>${t("calls.next")}:</strong> ${next(call)}</p>`;
}

export function Trouble({ camera, here = false }) {
  const text = trouble(camera);
  return html`
    ${!camera.on && html`<p class="notice">${t("cameras.switched_off")}</p>`}
    ${text && html`<p class="notice" data-trouble><strong>${t("cameras.shows_nothing")}</strong> ${plain(text)}</p><${Tail} text=${text} />
      ${here && html`<${LastFailure} call=${camera.last_call} />`}
      <p class="soft">${t(here ? "camera.trouble_here" : "cameras.trouble_do")}${!here && html` <a href=${to("cameras", camera.endpoint_id)}>${t("cameras.open_page")}<span class="unseen">: ${camera.name}</span></a>`}</p>`}
    ${camera.stream?.withheld && html`<p class="notice">${t("cameras.no_stream", { why: plain(camera.stream.withheld) })}</p><${Tail} text=${camera.stream.withheld} />`}`;
}
