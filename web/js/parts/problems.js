// What keeps the house from doing all that it could: one at once, several behind their number.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

export function Problems({ problems }) {
  if (problems.length < 2) return problems.map((problem) => html`<p class="notice card problem">${problem}</p>`);
  return html`<details class="card" id="problems">
    <summary class="notice">${t("app.problems", { n: problems.length })}</summary>
    <ul>${problems.map((problem) => html`<li class="problem">${problem}</li>`)}</ul>
  </details>`;
}
