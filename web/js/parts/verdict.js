// What became of a call, in a sentence: by a sign, a word and a colour.
import { html } from "../../vendor/preact-htm.js";
import { has, t } from "../text.js";

const TONES = {
  well: ["well", "ended_here"],
  fair: ["poor_line", "not_heard"],
  over: ["hung_up_early", "replaced", "time_over", "house_stopped", "switched_off", "not_shared", "link_revoked", "camera_gone", "unknown"],
};
// What lay at the camera, or at the way to it, and not at the Echo or the line.
const OF_CAMERA = ["login_refused", "hub_login_refused", "camera_refuses", "name_unknown", "address_forbidden", "camera_unreachable", "camera_silent", "path_unknown", "format_unusable", "no_picture", "stream_broke", "hub_away", "hub_shows_nothing", "settings_unusable", "encoder_full", "worker_lost"];
const SIGNS = { on: "●", well: "✓", fair: "!", over: "–", bad: "✕" };

export function tone(call) {
  if (!call.ended) return "on";
  return Object.keys(TONES).find((one) => TONES[one].includes(outcome(call))) ?? "bad";
}

// One that is not known here was told by a newer version.
export function outcome(call) {
  return has(`verdict.${call.outcome}`) ? call.outcome : "unknown";
}

export const isOfCamera = (call) => Boolean(call?.ended) && OF_CAMERA.includes(call.outcome);
export const sentence = (call) => (call.ended ? t(`verdict.${outcome(call)}`, call.outcome_values) : t("calls.ongoing"));
export const next = (call) => call.ended && t(`verdict.${outcome(call)}_next`, call.outcome_values);

export function Tone({ call }) {
  const name = tone(call);
  return html`<span class=${`tone ${name}`}><span aria-hidden="true">${SIGNS[name]}</span> ${t(`calls.tone_${name}`)}</span>`;
}
