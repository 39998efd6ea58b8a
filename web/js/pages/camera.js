// One camera.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

export function CameraPage({ house: { cameras }, id }) {
  const camera = cameras.find((one) => one.endpoint_id === id);
  if (!camera) return html`<p class="card" role="alert">${t("cameras.no_such")}</p>`;
  return html`<h1 tabindex="-1">${camera.name}</h1>`;
}
