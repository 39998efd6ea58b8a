// The way to a live picture, step by step, with what each one took.
import { html } from "../../vendor/preact-htm.js";
import { language, t } from "../text.js";

export const STEPS = ["asking_microphone", "making_offer", "waiting_answer", "connecting", "waiting_picture"];

const seconds = (ms) => t("units.seconds", { n: (ms / 1000).toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) });

// `taken`: [{ step, ms }] of those that are over; `now`: the one that goes on; `failed`: the last one led nowhere;
// `notice`: what came as the picture was not the camera's.
export function Steps({ taken, now, failed, notice }) {
  const last = taken.length - 1;
  return html`<ol class="steps" id="steps" aria-label=${t("echo.steps")}>
    ${taken.map(({ step, ms }, place) => {
      const bad = failed && place === last;
      const none = notice && step === "waiting_picture";
      return html`<li key=${step} data-step=${step} class=${bad ? "error" : none ? "notice" : ""}><span aria-hidden="true">${bad ? "✗" : none ? "!" : "✓"}</span> ${t(`echo.step_${step}`)}
        <span class="soft">${seconds(ms)}</span> <span class="unseen">${t(bad ? "echo.step_failed" : none ? "echo.step_notice" : "echo.step_done")}</span></li>`;
    })}
    ${STEPS.includes(now) && html`<li key=${now} data-step=${now} aria-current="step"><span class="spinner"></span> ${t(`echo.step_${now}`)}</li>`}
  </ol>`;
}
