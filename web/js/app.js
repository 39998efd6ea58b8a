import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { Action } from "./action.js";
import { get } from "./api.js";
import { Calls } from "./calls.js";
import { Echo } from "./echo.js";
import { Events } from "./events.js";
import { People } from "./people.js";
import { Probe } from "./probe.js";
import { Speaker } from "./speaker.js";
import { load, t } from "./text.js";

// Levels are held for a second: during a call none is to be missed.
const REFRESH_MS = 1000;
const REFRESH_IN_CALL_MS = 400;

function Power({ camera }) {
  const what = camera.on ? "switch_off" : "switch_on";
  const path = `cameras/${encodeURIComponent(camera.endpoint_id)}/power`;
  return html`<${Action} path=${path} content=${{ on: !camera.on }} label=${t(what)} name=${t(`${what}_which`, { name: camera.name })} />`;
}

function Cameras({ cameras }) {
  if (!cameras.length) return html`<p class="soft">${t("no_cameras")}</p>`;
  return html`<ul class="plain">${cameras.map(
    (camera) => html`<li key=${camera.endpoint_id}>
      <h3>${camera.name}</h3>
      <p class="soft">
        ${t(camera.doorbell ? "doorbell" : "camera")}, ${t(!camera.talk.path ? "cannot_talk" : camera.full_duplex ? "can_talk" : "can_talk_in_turns")}${camera.alexa ? "" : `, ${t("not_shared")}`}
        <br />${t("talk", { why: camera.talk.why })}${camera.talk.echo && ` ${t(`finding_${camera.talk.echo}`)}`}
        ${camera.live?.video && html`<br />${camera.live.video.codec} ${camera.live.video.width} × ${camera.live.video.height}: ${camera.live.video.why}`}
      </p>
      ${!camera.on && html`<p class="notice">${t("switched_off")}</p>`}
      ${(camera.live?.trouble ?? camera.reason) && html`<p class="notice">${camera.live?.trouble ?? camera.reason}</p>`}
      ${camera.stream?.withheld && html`<p class="notice">${t("no_stream", { why: camera.stream.withheld })}</p>`}
      <${Probe} camera=${camera}><${Power} camera=${camera} /><//>
      ${camera.talk.path && html`<${Speaker} camera=${camera} />`}
    </li>`,
  )}</ul>`;
}

// The door token speaks for nobody where a hub says who its users are: the page could not call.
const playsEcho = ({ demo, hub, door }) => door.listening && (demo || hub.state === "none");

function App() {
  const [known, setKnown] = useState(null);
  const [away, setAway] = useState(false);
  useEffect(() => {
    let timer;
    const refresh = async () => {
      let wait = REFRESH_MS;
      try {
        const [status, cameras, calls] = await Promise.all([get("status"), get("cameras"), get("calls?limit=10")]);
        setKnown({ status, cameras: cameras.cameras, calls: calls.calls });
        setAway(false);
        if (calls.calls.some((call) => !call.ended)) wait = REFRESH_IN_CALL_MS;
      } catch {
        setAway(true);
      }
      timer = setTimeout(refresh, wait);
    };
    refresh();
    return () => clearTimeout(timer);
  }, []);
  return html`<header>
      <img src="icon.svg" alt="" /><h1>${t("title")}</h1>
      ${known && html`<span class="facts">${t(`hub_${known.status.hub.state}`)} · ${known.status.version}</span>`}
    </header>
    <main>
      ${away && html`<section class="wide"><p class="error" role="alert">${t("away")}</p></section>`}
      ${known?.status.problems.map((problem) => html`<section class="wide"><p class="notice">${problem}</p></section>`)}
      ${!known && !away && html`<p class="loading wide" role="status">${t("loading")}</p>`}
      ${known && html`${playsEcho(known.status) && html`<${Echo} cameras=${known.cameras} calls=${known.calls} demo=${known.status.demo} sent=${known.status.events.sent} />`}
        <div class=${playsEcho(known.status) ? "stack" : "stack wide"}>
          <section aria-labelledby="cameras-title"><h2 id="cameras-title">${t("cameras")}</h2><${Cameras} cameras=${known.cameras} /></section>
          ${known.status.hub.state !== "none" && html`<${People} links=${known.status.links} linking=${known.status.linking} />`}
          <${Events} events=${known.status.events} cameras=${known.cameras} />
        </div>
        <section class="wide" aria-labelledby="calls-title"><h2 id="calls-title">${t("calls")}</h2><${Calls} calls=${known.calls} /></section>`}
    </main>`;
}

await load("en");
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
