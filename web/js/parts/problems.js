// What keeps the house from doing all that it could: one at once, several behind their number.
import { html } from "../../vendor/preact-htm.js";
import { plain, Tail } from "./reason.js";
import { t } from "../text.js";

export function Problems({ problems }) {
  if (problems.length < 2) return problems.map((problem) => html`<div class="notice card problem">${plain(problem)}<${Tail} text=${problem} /></div>`);
  return html`<details class="card" id="problems">
    <summary class="notice">${t("app.problems", { n: problems.length })}</summary>
    <ul>${problems.map((problem) => html`<li class="problem">${plain(problem)}<${Tail} text=${problem} /></li>`)}</ul>
  </details>`;
}
