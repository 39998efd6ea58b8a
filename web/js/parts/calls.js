// Calls that go on, with what can be done about them, and calls that ended, by day.
import { html, useRef, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { Action } from "./action.js";
import { kbps, lasted, most, ms, percent } from "./figures.js";
import { sentence, Tone } from "./verdict.js";
import { codec } from "./words.js";
import { to } from "../route.js";
import { language, t, time } from "../text.js";

// Calls that are fetched at once, and those that the house tells of by itself.
const PAGE = 50;
const TOLD = 20;

export const mayChange = (me) => !me || me.admin === true;

export function EndCall({ call, me }) {
  if (!mayChange(me)) return html`<p class="soft">${t("calls.read_only")}</p>`;
  const name = t("calls.end_call_at", { camera: call.camera });
  return html`<div class="buttons"><${Action} path=${`calls/${encodeURIComponent(call.id)}/end`} label=${t("calls.end_call")} name=${name} /></div>`;
}

// How the line to the far end is, or was: what to look at when the picture stutters.
export function Line({ call }) {
  const { network, plot, counters } = call;
  const again = counters.retransmitted;
  const lines = [
    network && ["path", t(`calls.path_${network.path === "relay" ? "relay" : "direct"}`)],
    !call.ended && ["sent", kbps(plot?.kbps.at(-1))],
    network && ["loss", most(network.loss_percent, network.worst_loss_percent, percent)],
    network && ["round_trip", most(network.round_trip_ms, network.longest_round_trip_ms, ms)],
    network && ["rate", network.rate_kbps == null ? t("calls.enough") : kbps(network.rate_kbps)],
    ["packets", `${counters.packets_sent}${again ? `, ${t("calls.again", { n: again })}` : ""}`],
    counters.pictures_dropped > 0 && ["dropped", counters.pictures_dropped],
  ];
  return html`<dl class="figures">${lines.filter(Boolean).map(([key, text]) => html`<dt>${t(`calls.${key}`)}</dt><dd data-line=${key}>${text}</dd>`)}</dl>`;
}

export function GoingOn({ calls, me }) {
  const live = calls.filter((call) => !call.ended);
  return html`<section class="card" aria-labelledby="live-title" id="live">
    <h2 id="live-title">${t("calls.going_on")}</h2>
    ${!live.length && html`<p class="soft">${t("calls.none_going_on")}</p>`}
    <ul class="plain">${live.map(
      (call) => html`<li key=${call.id} data-call=${call.id}>
        <h3><a href=${to("calls", call.id)}>${call.camera}</a></h3>
        <p class="soft"><${Tone} call=${call} />, ${t("calls.since", { time: lasted(call) })}${call.video && `, ${codec(call.video.codec)} ${t(`calls.${call.video.mode}`)}`}</p>
        <${Line} call=${call} />
        <${EndCall} call=${call} me=${me} />
      </li>`,
    )}</ul>
  </section>`;
}

function day(at) {
  const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(Date.now()) - midnight(at)) / 86_400_000);
  if (days < 2) return t(days === 1 ? "calls.yesterday" : "calls.today");
  return new Date(at).toLocaleDateString(language, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

function Row({ call }) {
  return html`<li data-call=${call.id} data-outcome=${call.outcome}>
    <a class="call" href=${to("calls", call.id)}>
      <span class="at">${time(call.started)}</span>
      <strong>${call.camera || call.endpoint_id}</strong>
      <${Tone} call=${call} />
      <span class="says">${sentence(call)}</span>
    </a>
  </li>`;
}

export function History({ calls }) {
  // What was told once stays, though the house tells of the last ones only.
  const known = useRef(new Map()).current;
  const [state, setState] = useState({});
  const [isLast, setLast] = useState(null);
  const keep = (ones) => ones.filter((call) => call.ended).forEach((call) => known.set(call.id, call));
  keep(calls);
  const all = [...known.values()].sort((a, b) => b.ended.localeCompare(a.ended));
  const more = async () => {
    setState({ busy: true });
    try {
      const reply = await get(`calls?limit=${PAGE}&before=${encodeURIComponent(all.at(-1).id)}`);
      keep(reply.calls);
      setLast(reply.calls.length < PAGE);
      setState({});
    } catch (error) {
      setState({ error: error.message });
    }
  };
  const days = Map.groupBy(all, (call) => day(call.started));
  return html`<section class="card" aria-labelledby="calls-title" id="calls">
    <h2 id="calls-title">${t("calls.calls")}</h2>
    ${!all.length && html`<p class="soft">${t("calls.no_calls")}</p>`}
    ${[...days].map(([name, ones]) => html`<h3 class="day" key=${name}>${name}</h3><ul class="history" key=${`${name} calls`}>${ones.map((call) => html`<${Row} key=${call.id} call=${call} />`)}</ul>`)}
    ${all.length > 0 && !(isLast ?? calls.length < TOLD) && html`<div class="buttons"><button disabled=${state.busy} onClick=${more}>${t("calls.load_more")}</button>${state.busy && html`<span class="soft" role="status">${t("calls.loading_more")}</span>`}</div>`}
    ${state.error && html`<p class="error" role="alert">${state.error}</p>`}
  </section>`;
}
