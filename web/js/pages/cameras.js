// Every camera, and what can be done with it.
import { html } from "../../vendor/preact-htm.js";
import { Action } from "../parts/action.js";
import { Probe } from "../parts/probe.js";
import { Speaker } from "../parts/speaker.js";
import { to } from "../route.js";
import { t } from "../text.js";

export function Power({ camera }) {
  const what = camera.on ? "cameras.switch_off" : "cameras.switch_on";
  const path = `cameras/${encodeURIComponent(camera.endpoint_id)}/power`;
  return html`<${Action} path=${path} content=${{ on: !camera.on }} label=${t(what)} name=${t(`${what}_which`, { name: camera.name })} />`;
}

const talk = (camera) => (!camera.talk.path ? "cannot_talk" : camera.full_duplex ? "can_talk" : "can_talk_in_turns");

export function Cameras({ house: { cameras } }) {
  return html`<h1 tabindex="-1">${t("cameras.cameras")}</h1>
    ${!cameras.length && html`<p class="soft card">${t("cameras.no_cameras")}</p>`}
    <ul class="plain">${cameras.map(
      (camera) => html`<li key=${camera.endpoint_id} class="card">
        <h2><a href=${to("cameras", camera.endpoint_id)}>${camera.name}</a></h2>
        <p class="soft">
          ${t(camera.doorbell ? "cameras.doorbell" : "cameras.camera")}, ${t(`cameras.${talk(camera)}`)}${camera.alexa ? "" : `, ${t("cameras.not_shared")}`}
          <br />${t("cameras.talk", { why: camera.talk.why })}${camera.talk.echo && ` ${t(`cameras.finding_${camera.talk.echo}`)}`}
          ${camera.live?.video && html`<br />${camera.live.video.codec} ${camera.live.video.width} × ${camera.live.video.height}: ${camera.live.video.why}`}
        </p>
        ${!camera.on && html`<p class="notice">${t("cameras.switched_off")}</p>`}
        ${(camera.live?.trouble ?? camera.reason) && html`<p class="notice">${camera.live?.trouble ?? camera.reason}</p>`}
        ${camera.stream?.withheld && html`<p class="notice">${t("cameras.no_stream", { why: camera.stream.withheld })}</p>`}
        <${Probe} camera=${camera}><${Power} camera=${camera} /><//>
        ${camera.talk.path && html`<${Speaker} camera=${camera} />`}
      </li>`,
    )}</ul>`;
}
