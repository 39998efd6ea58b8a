// What happened in a call and when, from the offer to the end.
import { html } from "../../vendor/preact-htm.js";
import { lasted, ms } from "./figures.js";
import { t } from "../text.js";

// What every call that is to show something goes through.
const NEEDED = ["answer_sent", "ice_connected", "dtls_connected", "first_video_sent", "camera_shown"];

function steps(call) {
  const { stages, talk } = call;
  const seen = [...NEEDED, "first_talk_received"].map((name) => ({ name, at: stages[name] }));
  seen.push({ name: "speaker_opened", at: talk?.opened });
  const came = seen.filter(({ at }) => at != null).sort((a, b) => a.at - b.at);
  const missing = seen.filter(({ name, at }) => at == null && NEEDED.includes(name));
  return [{ name: "offer", at: 0 }, ...came, ...missing];
}

function detail(call, { name, at }) {
  const { stages, network } = call;
  if (name === "ice_connected" && at != null && network) return t(`calls.path_${network.path === "relay" ? "relay" : "direct"}`);
  const isSlate = name === "first_video_sent" && at != null && (stages.camera_shown == null || stages.camera_shown > at);
  return isSlate ? t("calls.slate") : "";
}

export function Timeline({ call }) {
  const all = steps(call);
  const longest = Math.max(...all.map(({ at }) => at ?? 0), 1);
  return html`<ol class="timeline">${all.map(
    (step) => html`<li key=${step.name} data-step=${step.name} class=${step.at == null ? "missing" : "came"}>
      <span class="what">${t(`calls.${step.name}`)} ${detail(call, step) && html`<small class="soft">${detail(call, step)}</small>`}</span>
      <span class="when">${step.at == null ? t(call.ended ? "calls.missing" : "calls.not_yet") : ms(step.at)}</span>
      <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">${step.at != null && html`<rect width=${Math.max((step.at / longest) * 100, 0.5)} height="4" />`}</svg>
    </li>`,
  )}
    ${call.ended && html`<li data-step="ended" class="came"><span class="what">${t("calls.ended")} ${call.end_reason === "hung up" && html`<small class="soft">${t("calls.hung_up")}</small>`}</span><span class="when">${lasted(call)}</span></li>`}
  </ol>`;
}
