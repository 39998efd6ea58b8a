// What goes on just now, for the eye and for the ear.
import { html } from "../../vendor/preact-htm.js";

export function Waiting({ text }) {
  return html`<span role="status">${text != null && html`<span class="waiting soft"><span class="spinner" aria-hidden="true"></span>${text}</span>`}</span>`;
}
