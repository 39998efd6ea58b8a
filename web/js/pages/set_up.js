// What is there and what is missing, from nothing to the first call.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

export function SetUp() {
  return html`<h1 tabindex="-1">${t("app.page_set_up")}</h1>`;
}
