// The settings, as far as a user may change them.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

export function Settings() {
  return html`<h1 tabindex="-1">${t("app.page_settings")}</h1>`;
}
