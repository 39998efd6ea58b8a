// One call.
import { html } from "../../vendor/preact-htm.js";
import { Calls } from "../parts/calls.js";
import { t } from "../text.js";

export function CallPage({ house: { calls }, id }) {
  const call = calls.find((one) => one.id === id);
  return html`<h1 tabindex="-1">${t("calls.call")}</h1>
    <${Calls} calls=${call ? [call] : []} />`;
}
