// A camera's last picture, where there is one. Looked for again once in a while, while somebody looks here.
import { html } from "../../vendor/preact-htm.js";
import { t } from "../text.js";
import { useStill } from "./still.js";

// What is shown already costs little; a closed camera may run on a battery.
const SHOWN_MS = 30000;
const CLOSED_MS = 300000;

const Words = ({ say }) => html`<p class="soft">${t(say)}</p>`;

function Picture({ camera }) {
  const { picture, why } = useStill(camera.endpoint_id, { every: camera.live?.picture ? SHOWN_MS : CLOSED_MS });
  if (picture) return html`<img src=${picture.src} alt=${t("cameras.still", { name: camera.name })} />`;
  return html`<${Words} say=${why ? "cameras.no_still" : "cameras.still_coming"} />`;
}

export function LastPicture({ camera }) {
  const known = camera.still || camera.live?.picture;
  return html`<div class="last-picture">${known ? html`<${Picture} camera=${camera} />` : html`<${Words} say=${camera.on ? "cameras.no_still" : "cameras.still_off"} />`}</div>`;
}
