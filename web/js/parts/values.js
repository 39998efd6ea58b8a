// Values that have to be typed elsewhere; a row without a value is left out.
import { html } from "../../vendor/preact-htm.js";
import { Copy } from "./copy.js";

// Stands for the hub's address from outside where the hub does not tell it.
export const YOUR_HUB = "https://YOUR-HUB";

export function Values({ rows, children }) {
  return html`<dl class="values">
    ${rows.filter(([, value]) => value).map(([what, value]) => html`<dt>${what}</dt><dd><${Copy} what=${what} value=${value} /></dd>`)}
    ${children}
  </dl>`;
}
