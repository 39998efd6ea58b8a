// The demo's visitor: rings the bell from here, or is played by somebody in a second window.
import { html } from "../../vendor/preact-htm.js";
import { Action } from "../parts/action.js";
import { t } from "../text.js";

// The visitor's page is served to the demo's own machine only.
const isHere = () => ["localhost", "127.0.0.1"].includes(location.hostname);

export function Visitor({ page }) {
  return html`<div class="buttons" id="visitor">
      <${Action} path="demo/ring" label=${t("echo.ring")} />
      ${isHere() && html`<a href=${page} target="_blank" rel="noopener">${t("echo.visitor_play")}</a>`}
    </div>
    <p class="soft hint">${isHere() ? t("echo.visitor_play_hint") : t("echo.visitor_elsewhere", { page })}</p>`;
}
