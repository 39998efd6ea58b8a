// What became of a call, in a sentence: by a sign, a word and a colour.
import { html } from "../../vendor/preact-htm.js";
import { has, t } from "../text.js";

const TONES = {
  well: ["well", "ended_here"],
  fair: ["poor_line", "not_heard"],
  over: ["hung_up_early", "replaced", "time_over", "house_stopped", "switched_off", "not_shared", "link_revoked", "camera_gone", "unknown"],
};
const SIGNS = { on: "●", well: "✓", fair: "!", over: "–", bad: "✕" };

export function tone(call) {
  if (!call.ended) return "on";
  return Object.keys(TONES).find((one) => TONES[one].includes(outcome(call))) ?? "bad";
}

// One that is not known here was told by a newer version.
export function outcome(call) {
  return has(`verdict.${call.outcome}`) ? call.outcome : "unknown";
}

export const sentence = (call) => (call.ended ? t(`verdict.${outcome(call)}`, call.outcome_values) : t("calls.ongoing"));
export const next = (call) => call.ended && t(`verdict.${outcome(call)}_next`, call.outcome_values);

export function Tone({ call }) {
  const name = tone(call);
  return html`<span class=${`tone ${name}`}><span aria-hidden="true">${SIGNS[name]}</span> ${t(`calls.tone_${name}`)}</span>`;
}
