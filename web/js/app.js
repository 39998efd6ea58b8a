import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { get } from "./api.js";
import { Echo } from "./echo.js";
import { load, t } from "./text.js";

const REFRESH_MS = 1000;

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

function Calls({ calls }) {
  if (!calls.length) return html`<p class="soft">${t("no_calls")}</p>`;
  const ms = (n) => (n == null ? "–" : t("ms", { n }));
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("calls")}><table>
    <thead><tr>${["started", "camera", "shown", "answer_time", "first_picture", "packets", "end"].map((key) => html`<th scope="col">${t(key)}</th>`)}</tr></thead>
    <tbody>${calls.map(
      (call) => html`<tr key=${call.id}>
        <td class="num">${new Date(call.started).toLocaleTimeString()}</td>
        <td>${call.camera}</td>
        <td>${call.video ? `${call.video.mode}, ${call.video.codec}` : "–"}</td>
        <td class="num">${ms(call.stages.answer_sent)}</td>
        <td class="num">${ms(call.stages.first_video_sent)}</td>
        <td class="num">${call.counters.packets_sent}${call.counters.retransmitted ? `, ${t("again", { n: call.counters.retransmitted })}` : ""}</td>
        <td>${call.end_reason ?? t("ongoing")}</td>
      </tr>`,
    )}</tbody></table></div>`;
}

function App() {
  const [known, setKnown] = useState(null);
  const [away, setAway] = useState(false);
  useEffect(() => {
    let timer;
    const refresh = async () => {
      try {
        const [status, cameras, calls] = await Promise.all([get("status"), get("cameras"), get("calls?limit=10")]);
        setKnown({ status, cameras: cameras.cameras, calls: calls.calls });
        setAway(false);
      } catch {
        setAway(true);
      }
      timer = setTimeout(refresh, REFRESH_MS);
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
      ${known && html`<${Echo} cameras=${known.cameras} />
        <section aria-labelledby="cameras-title"><h2 id="cameras-title">${t("cameras")}</h2><${Cameras} cameras=${known.cameras} /></section>
        <section class="wide" aria-labelledby="calls-title"><h2 id="calls-title">${t("calls")}</h2><${Calls} calls=${known.calls} /></section>`}
    </main>`;
}

await load("en");
document.getElementById("app").replaceChildren();
render(html`<${App} />`, document.getElementById("app"));
