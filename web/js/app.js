import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { get } from "./api.js";
import { Echo } from "./echo.js";
import { load, t } from "./text.js";

// Levels are held for a second: during a call none is to be missed.
const REFRESH_MS = 1000;
const REFRESH_IN_CALL_MS = 400;

function Cameras({ cameras }) {
  if (!cameras.length) return html`<p class="soft">${t("no_cameras")}</p>`;
  return html`<ul class="plain">${cameras.map(
    (camera) => html`<li key=${camera.endpoint_id}>
      <h3>${camera.name}</h3>
      <p class="soft">
        ${t(camera.doorbell ? "doorbell" : "camera")}, ${t(camera.full_duplex ? "can_talk" : "cannot_talk")}${camera.alexa ? "" : `, ${t("not_shared")}`}
        ${camera.live?.video && html`<br />${camera.live.video.codec} ${camera.live.video.width} × ${camera.live.video.height}: ${camera.live.video.why}`}
      </p>
      ${(camera.live?.trouble ?? camera.reason) && html`<p class="notice">${camera.live?.trouble ?? camera.reason}</p>`}
    </li>`,
  )}</ul>`;
}

const COLUMNS = ["started", "camera", "shown", "answer_time", "first_picture", "packets", "end"];

function Calls({ calls }) {
  if (!calls.length) return html`<p class="soft">${t("no_calls")}</p>`;
  const ms = (n) => (n == null ? "–" : t("ms", { n }));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("calls")}><table role="table">
    <thead role="rowgroup"><tr role="row">${COLUMNS.map((key) => html`<th scope="col" role="columnheader">${t(key)}</th>`)}</tr></thead>
    <tbody role="rowgroup">${calls.map((call) => {
      const again = call.counters.retransmitted;
      const cells = [
        new Date(call.started).toLocaleTimeString(),
        call.camera,
        call.video ? `${call.video.mode}, ${call.video.codec}` : "–",
        ms(call.stages.answer_sent),
        ms(call.stages.first_video_sent),
        `${call.counters.packets_sent}${again ? `, ${t("again", { n: again })}` : ""}`,
        call.end_reason ?? t("ongoing"),
      ];
      return html`<tr role="row" key=${call.id}>${cells.map(
        (cell, at) => html`<td role="cell" data-label=${t(COLUMNS[at])} data-column=${COLUMNS[at]}>${cell}</td>`,
      )}</tr>`;
    })}</tbody></table></div>`;
}

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
      ${known && html`<${Echo} cameras=${known.cameras} calls=${known.calls} demo=${known.status.demo} />
        <section aria-labelledby="cameras-title"><h2 id="cameras-title">${t("cameras")}</h2><${Cameras} cameras=${known.cameras} /></section>
        <section class="wide" aria-labelledby="calls-title"><h2 id="calls-title">${t("calls")}</h2><${Calls} calls=${known.calls} /></section>`}
    </main>`;
}

await load("en");
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
