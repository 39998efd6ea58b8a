// What the screen shows where no call can be: a still picture that is taken again and again.
import { html } from "../../vendor/preact-htm.js";
import { Still, useStill } from "../parts/still.js";
import { plain } from "../parts/reason.js";
import { t, time } from "../text.js";

// From one picture to the next: in place of a call, and where nobody may open the camera.
const FRESH_MS = 1500;
const KEPT_MS = 5000;

export function Stills({ camera, fresh }) {
  const { picture, why } = useStill(camera.endpoint_id, { fresh, every: fresh ? FRESH_MS : KEPT_MS });
  if (picture) {
    return html`<${Still} camera=${camera.name} picture=${picture} />
      <div class="badge"><span id="still-time">${t(why ? "echo.still_old" : "echo.still_at", { time: time(picture.at) })}</span></div>`;
  }
  return html`<div class="words" role="status">${why ? html`<span id="no-still">${plain(why)}</span>` : html`<span class="waiting"><span class="spinner"></span>${t("echo.taking_still")}</span>`}</div>`;
}
