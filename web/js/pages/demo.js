// The demo: the page plays an Echo.
import { html } from "../../vendor/preact-htm.js";
import { Echo } from "../echo/echo.js";
import { t } from "../text.js";

export function Demo({ house: { status, cameras, calls } }) {
  return html`<div class="column">
    <h1 tabindex="-1">${t("app.page_demo")}</h1>
    <${Echo} cameras=${cameras} calls=${calls} demo=${status.demo} sent=${status.events.sent} />
  </div>`;
}
