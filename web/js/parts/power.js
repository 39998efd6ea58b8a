// A camera's privacy switch.
import { html } from "../../vendor/preact-htm.js";
import { Action } from "./action.js";
import { t } from "../text.js";

export function Power({ camera }) {
  const what = camera.on ? "camera.switch_off" : "camera.switch_on";
  const path = `cameras/${encodeURIComponent(camera.endpoint_id)}/power`;
  return html`<${Action} path=${path} content=${{ on: !camera.on }} label=${t(what)} name=${t(`${what}_which`, { name: camera.name })} />`;
}
