// One camera: live, tested, its last calls, its settings.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { Echo } from "../echo/echo.js";
import { CameraSettings } from "../parts/camera_settings.js";
import { Power } from "../parts/power.js";
import { Probe } from "../parts/probe.js";
import { Speaker } from "../parts/speaker.js";
import { Trouble, trouble } from "../parts/trouble.js";
import { Tone, isOfCamera, next, sentence, tone } from "../parts/verdict.js";
import { talk, way } from "../parts/words.js";
import { to } from "../route.js";
import { date, t } from "../text.js";
import { Kind, pictured } from "./cameras.js";

const SHOWN_CALLS = 10;
const ASKED_CALLS = 200;

function ways({ details, live }) {
  const kinds = [...new Set(details.ways.map((one) => one.way))];
  const words = kinds.map((kind) => `${way(kind)}${live?.picture && live.way === kind ? ` (${t("camera.way_taken")})` : ""}`);
  const all = words.length ? words.join(", ") : t("camera.no_way");
  return details.pinned ? `${all} – ${t("camera.pinned")}` : all;
}

const tied = (tie) => (!tie ? t("camera.none") : `${tie.name} – ${t(tie.by_hand ? "camera.by_hand" : "camera.by_itself")}${tie.available ? "" : `, ${t("camera.not_available")}`}`);
const settled = ({ details: { table } }) => (!table ? t("camera.from_hub") : table.id ? t("camera.from_settings") : t("camera.from_both", { entity: table.entity }));

function Facts({ camera }) {
  const { details } = camera;
  const made = [camera.manufacturer, camera.model, camera.version].filter(Boolean).join(" ");
  return html`<dl class="told" id="facts">
    <dt>${t("cameras.picture")}</dt><dd>${pictured(camera)}</dd>
    <dt>${t("camera.ways")}</dt><dd>${ways(camera)}</dd>
    <dt>${t("cameras.talking")}</dt><dd>${talk(camera.talk)}${camera.talk.echo ? ` ${t(`camera.echo_${camera.talk.echo}`)}` : ""}</dd>
    <dt>${t("camera.bell")}</dt><dd>${tied(details.bell)}</dd>
    <dt>${t("camera.motion")}</dt><dd>${tied(details.motion)}</dd>
    <dt>${t("camera.where_from")}</dt><dd>${settled(camera)}</dd>
    ${details.entities.length > 0 && html`<dt>${t("camera.entities")}</dt><dd>${details.entities.map((one) => html`<span class="entity"><bdi>${one.name}</bdi> <code>${one.entity}</code></span>`)}</dd>`}
    ${made && html`<dt>${t("camera.made_by")}</dt><dd dir="auto">${made}</dd>`}
    <dt>${t("camera.known_as")}</dt><dd><code>${camera.endpoint_id}</code></dd>
  </dl>`;
}

function LastCalls({ camera, calls }) {
  const [older, setOlder] = useState(null);
  const [failure, setFailure] = useState(null);
  const newest = calls.filter((call) => call.endpoint_id === camera.endpoint_id);
  const last = newest[0];
  useEffect(() => {
    get(`calls?limit=${ASKED_CALLS}`).then((reply) => setOlder(reply.calls), (error) => setFailure(error.message));
  }, [last?.id, last?.ended]);
  const known = new Map([...(older ?? []), ...newest].filter((call) => call.endpoint_id === camera.endpoint_id).map((call) => [call.id, call]));
  const shown = [...known.values()].sort((a, b) => (a.started < b.started ? 1 : -1)).slice(0, SHOWN_CALLS);
  // At the top of the page it is told with what the camera says itself.
  const isTold = trouble(camera) && isOfCamera(shown[0]);
  const advised = shown.length > 0 && !isTold && ["bad", "fair"].includes(tone(shown[0])) ? shown[0] : null;
  return html`<section class="card" aria-labelledby="calls-title" id="last-calls">
    <h2 id="calls-title">${t("camera.calls")}</h2>
    ${failure && html`<p class="error" role="alert">${failure}</p>`}
    ${!older && !failure && html`<p class="soft waiting"><span class="spinner" aria-hidden="true"></span>${t("app.loading")}</p>`}
    ${older && !shown.length && html`<p class="soft">${t("camera.no_calls")}</p>`}
    <ul class="plain">${shown.map(
      (call) => html`<li key=${call.id}><a href=${to("calls", call.id)}>${date(call.started)}</a> <${Tone} call=${call} /> ${sentence(call)}${call === advised && html` <strong>${t("calls.next")}:</strong> ${next(call)}`}</li>`,
    )}</ul>
  </section>`;
}

export function CameraPage({ house, id }) {
  const { cameras, calls } = house;
  const camera = cameras.find((one) => one.endpoint_id === id);
  if (!camera) {
    return html`<div class="card"><h1 tabindex="-1">${t("camera.no_such")}</h1>
      <p>${t("camera.no_such_hint")}</p><p><a href=${to("cameras")}>${t("camera.back")}</a></p></div>`;
  }
  const changes = house.me.admin;
  return html`<p class="back"><a href=${to("cameras")}>${t("camera.back")}</a></p>
    <div class="head"><h1 tabindex="-1" dir="auto">${camera.name}</h1>${changes && html`<div class="buttons"><${Power} camera=${camera} /></div>`}</div>
    <${Kind} camera=${camera} />
    <div><${Trouble} camera=${camera} here /></div>
    <${Echo} cameras=${[camera]} calls=${calls} />
    <section class="card" aria-labelledby="test-title" id="test">
      <h2 id="test-title">${t("camera.facts")}</h2>
      <${Facts} camera=${camera} />
      ${changes && html`<h3 class="later">${t("camera.test")}</h3><p class="soft">${t("camera.test_hint")}</p>
        <${Probe} camera=${camera} />
        ${camera.talk.path && html`<p class="soft later">${t("camera.speaker_hint")}</p><${Speaker} camera=${camera} />`}`}
    </section>
    <${LastCalls} camera=${camera} calls=${calls} />
    ${changes && html`<${CameraSettings} key=${camera.endpoint_id} camera=${camera} />`}`;
}
