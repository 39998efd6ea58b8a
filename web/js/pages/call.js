// One call: what became of it and what to do, then all that is known of it.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { EndCall, Line } from "../parts/calls.js";
import { lasted, ms } from "../parts/figures.js";
import { Plot } from "../parts/plot.js";
import { Timeline } from "../parts/timeline.js";
import { plain, Tail } from "../parts/reason.js";
import { next, sentence, Tone, tone } from "../parts/verdict.js";
import { codec } from "../parts/words.js";
import { to } from "../route.js";
import { date, t } from "../text.js";

// The call as the house tells it while it goes on; what is kept of it, with its plot, once it has ended.
function useCall(calls, id) {
  const [kept, setKept] = useState({});
  const told = calls.find((call) => call.id === id);
  const live = told && !told.ended;
  useEffect(() => {
    if (live) return;
    const path = `calls/${encodeURIComponent(id)}`;
    get(path).then((call) => setKept({ call }), (error) => setKept({ error: error.message }));
  }, [id, live]);
  return { call: live ? told : kept.call ?? told, error: kept.error };
}

function useNeighbours(calls, id) {
  const [ids, setIds] = useState({});
  // Not the first of all: one that goes on stays there while others come and end.
  const newest = calls.find((call) => call.ended)?.id;
  useEffect(() => {
    const one = (side) => get(`calls?limit=1&${side}=${encodeURIComponent(id)}`).then((reply) => reply.calls[0]?.id, () => undefined);
    Promise.all([one("before"), one("after")]).then(([older, newer]) => setIds({ older, newer }));
  }, [id, newest]);
  return ids;
}

function Neighbours({ calls, id }) {
  const { older, newer } = useNeighbours(calls, id);
  return html`<nav class="buttons" aria-label=${t("calls.others")}>
    ${older && html`<a class="button" id="older" href=${to("calls", older)}>← ${t("calls.older")}</a>`}
    ${newer && html`<a class="button" id="newer" href=${to("calls", newer)}>${t("calls.newer")} →</a>`}
    <a class="button" href=${to("activity")}>${t("calls.all")}</a>
  </nav>`;
}

function Shown({ video }) {
  return html`<section class="card" aria-labelledby="shown-title"><h2 id="shown-title">${t("calls.picture")}</h2>
    <dl class="figures">
      <dt>${t("calls.shown")}</dt><dd>${codec(video.codec)} ${video.width} × ${video.height}, ${t(`calls.${video.mode}`)}</dd>
      <dt>${t("calls.because")}</dt><dd>${video.why} (${video.from})</dd>
    </dl></section>`;
}

const level = (n, unit) => (n == null ? null : t(`calls.${unit}`, { n: Math.round(n) }));

function Talk({ talk }) {
  const lines = [
    ["talk_way", talk.path ?? t("calls.talk_none")],
    ["because", talk.why],
    talk.duplex && ["duplex", t(`calls.duplex_${talk.duplex}`)],
    ["talked", t(talk.talked ? "calls.yes" : "calls.no")],
    ["speaker_opened", talk.opened == null ? null : ms(talk.opened)],
    ["speaker_level", level(talk.speaker_dbfs, "dbfs")],
    ["microphone_level", level(talk.microphone_dbfs, "dbfs")],
    ["echo", talk.echo && t(`calls.echo_${talk.echo}`)],
    ["erle", level(talk.erle_db, "db")],
  ];
  return html`<section class="card" aria-labelledby="talk-title"><h2 id="talk-title">${t("calls.talk")}</h2>
    <dl class="figures">${lines.filter((line) => line?.[1]).map(([key, text]) => html`<dt>${t(`calls.${key}`)}</dt><dd>${text}</dd>`)}</dl></section>`;
}

function Details({ call }) {
  return html`<details class="card" open=${tone(call) === "bad"}><summary>${t("calls.details")}</summary>
    ${call.trouble.map((trouble) => html`<p>${plain(trouble)}</p><${Tail} text=${trouble} />`)}
    ${call.end_reason && html`<p class="soft">${t("calls.end_reason")}: ${plain(call.end_reason)}</p><${Tail} text=${call.end_reason} />`}
  </details>`;
}

export function CallPage({ house: { calls, me }, id }) {
  const { call, error } = useCall(calls, id);
  if (!call && error) return html`<h1 tabindex="-1">${t("calls.call")}</h1><p class="card" role="alert">${t("calls.no_such")} <span class="soft">(${error})</span></p><div class="buttons"><a class="button" href=${to("activity")}>${t("calls.all")}</a></div>`;
  if (!call) return html`<h1 tabindex="-1">${t("calls.call")}</h1><p class="loading" role="status">${t("calls.loading")}</p>`;
  return html`<h1 tabindex="-1">${t("calls.call_of", { camera: call.camera || call.endpoint_id })}</h1>
    <p class="soft">${date(call.started)}, ${t(call.ended ? "calls.lasted" : "calls.since", { time: lasted(call) })}</p>
    <section class=${`card verdict ${tone(call)}`} id="verdict" data-outcome=${call.outcome} role="status">
      <${Tone} call=${call} />
      <p class="sentence">${sentence(call)}</p>
      ${next(call) && html`<p><strong>${t("calls.next")}:</strong> ${next(call)}</p>`}
      ${!call.ended && html`<${EndCall} call=${call} me=${me} />`}
    </section>
    <${Neighbours} calls=${calls} id=${id} />
    <section class="card" aria-labelledby="timeline-title"><h2 id="timeline-title">${t("calls.timeline")}</h2><${Timeline} call=${call} /></section>
    ${call.video && html`<${Shown} video=${call.video} />`}
    ${call.stages.dtls_connected != null && html`<section class="card" aria-labelledby="line-title"><h2 id="line-title">${t("calls.line")}</h2><${Plot} plot=${call.plot} /><${Line} call=${call} /></section>`}
    ${call.talk && html`<${Talk} talk=${call.talk} />`}
    ${(call.trouble.length > 0 || call.end_reason) && html`<${Details} call=${call} />`}`;
}
