// What helps to find a fault, to be shown to others.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

export function Diagnostics() {
  return html`<h1 tabindex="-1">${t("app.page_diagnostics")}</h1>`;
}
