// Every camera at a glance.
import { html, useState } from "../../vendor/preact-htm.js";
import { AddCamera } from "../parts/add_camera.js";
import { LastPicture } from "../parts/last_picture.js";
import { Trouble } from "../parts/trouble.js";
import { sentence } from "../parts/verdict.js";
import { codec, talk, why } from "../parts/words.js";
import { to } from "../route.js";
import { date, t } from "../text.js";

const speaks = (camera) => (!camera.talk.path ? "cannot_talk" : camera.full_duplex ? "can_talk" : "can_talk_in_turns");

export function pictured({ picture }) {
  if (!picture?.codec) return t("cameras.not_seen");
  const size = picture.width > 0 ? `, ${picture.width} × ${picture.height}` : "";
  return `${codec(picture.codec)}${size}: ${t(picture.copied ? "cameras.copied" : "cameras.anew", { why: why(picture) })}`;
}

export function Kind({ camera }) {
  return html`<ul class="tags">
    <li>${t(camera.doorbell ? "cameras.doorbell" : "cameras.camera")}</li>
    ${!camera.on && html`<li class="warns">${t("cameras.off")}</li>`}
    ${camera.calls > 0 && html`<li class="live">${t("cameras.in_calls", { n: camera.calls })}</li>`}
    ${camera.details.warm && html`<li>${t("cameras.warm")}</li>`}
    ${!camera.alexa && html`<li class="warns">${t("cameras.not_shared")}</li>`}
  </ul>`;
}

function Card({ camera }) {
  const { last_call: last } = camera;
  return html`<li class="card camera" data-endpoint=${camera.endpoint_id}>
    <${LastPicture} camera=${camera} />
    <h2><a href=${to("cameras", camera.endpoint_id)} dir="auto">${camera.name}</a></h2>
    <${Kind} camera=${camera} />
    <${Trouble} camera=${camera} />
    <dl class="told">
      <dt>${t("cameras.picture")}</dt><dd data-fact="picture">${pictured(camera)}</dd>
      <dt>${t("cameras.talking")}</dt><dd data-fact="talk">${t(`cameras.${speaks(camera)}`)}: ${talk(camera.talk)}</dd>
      <dt>${t("cameras.last_call")}</dt><dd data-fact="last-call">${last ? html`<a href=${to("calls", last.id)}>${date(last.started)}</a>: ${sentence(last)}` : t("cameras.no_call")}</dd>
    </dl>
  </li>`;
}

export function Cameras({ house }) {
  const { cameras, status, me } = house;
  const [adding, setAdding] = useState(false);
  return html`<div class="head"><h1 tabindex="-1">${t("cameras.cameras")}</h1>
      ${me.admin && !adding && html`<button class="primary" id="add" onClick=${() => setAdding(true)}>${t("cameras.add")}</button>`}
    </div>
    ${adding && html`<${AddCamera} cameras=${cameras} close=${() => setAdding(false)} />`}
    ${!cameras.length && html`<p class="card soft">${t(status.hub.state === "none" ? "cameras.none_no_hub" : status.hub.state === "running" ? "cameras.none" : "cameras.none_yet")}</p>`}
    <ul class="plain cameras">${cameras.map((camera) => html`<${Card} key=${camera.endpoint_id} camera=${camera} />`)}</ul>`;
}
