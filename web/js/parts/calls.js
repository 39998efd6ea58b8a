// The calls that go on and those that ended: a row each, and what lies behind it to be opened.
import { html } from "../../vendor/preact-htm.js";
import { Action } from "./action.js";
import { t } from "../text.js";

const COLUMNS = ["started", "camera", "shown", "answer_time", "first_picture", "packets", "end"];
const STAGES = ["answer_sent", "ice_connected", "dtls_connected", "first_video_sent", "first_talk_received"];

const ms = (n) => (n == null ? "–" : t("units.ms", { n }));
const most = (now, worst, text) => (now == null ? "–" : now === worst ? text(now) : `${text(now)} (${t("calls.worst", { n: text(worst) })})`);
const percent = (n) => t("units.percent", { n });
const kbps = (n) => t("units.kbps", { n });

// How the line to the far end was: what to look at when the picture stuttered.
function line(network) {
  return [
    ["path", t(`calls.path_${network.path === "relay" ? "relay" : "direct"}`)],
    ["round_trip", most(network.round_trip_ms, network.longest_round_trip_ms, ms)],
    ["loss", most(network.loss_percent, network.worst_loss_percent, percent)],
    ["rate", network.rate_kbps == null ? t("calls.enough") : kbps(network.rate_kbps)],
  ];
}

function Row({ call }) {
  const again = call.counters.retransmitted;
  const cells = [
    new Date(call.started).toLocaleTimeString(),
    call.camera,
    call.video ? `${call.video.mode}, ${call.video.codec}` : "–",
    ms(call.stages.answer_sent),
    ms(call.stages.first_video_sent),
    `${call.counters.packets_sent}${again ? `, ${t("calls.again", { n: again })}` : ""}`,
    call.end_reason ?? t("calls.ongoing"),
  ];
  return html`<tr role="row">${cells.map(
    (cell, at) => html`<td role="cell" data-label=${t(`calls.${COLUMNS[at]}`)} data-column=${COLUMNS[at]}>${cell}</td>`,
  )}</tr>`;
}

function Behind({ call }) {
  return html`<tr role="row" class="behind"><td role="cell" colspan=${COLUMNS.length}>
    ${!call.ended && html`<div class="buttons"><${Action} path=${`calls/${encodeURIComponent(call.id)}/end`} label=${t("calls.end_call")} /></div>`}
    <details>
      <summary>${t("calls.details")}${call.trouble.length > 0 && html` <span class="notice">${t("calls.with_trouble")}</span>`}</summary>
      <dl>${STAGES.map((stage) => html`<dt>${t(`calls.${stage}`)}</dt><dd data-stage=${stage}>${ms(call.stages[stage])}</dd>`)}</dl>
      ${call.network && html`<dl>${line(call.network).map(([key, text]) => html`<dt>${t(`calls.${key}`)}</dt><dd data-line=${key}>${text}</dd>`)}</dl>`}
      ${call.video && html`<p class="soft">${call.video.codec} ${call.video.width} × ${call.video.height}: ${call.video.why}</p>`}
      ${call.trouble.map((trouble) => html`<p class="notice">${trouble}</p>`)}
    </details>
  </td></tr>`;
}

export function Calls({ calls }) {
  if (!calls.length) return html`<p class="soft">${t("calls.no_calls")}</p>`;
  // Keyed one by one: a row that was opened stays open when a new call comes before it.
  const rows = calls.flatMap((call) => [
    html`<${Row} key=${call.id} call=${call} />`,
    html`<${Behind} key=${`${call.id} behind`} call=${call} />`,
  ]);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("calls.calls")}><table role="table">
    <thead role="rowgroup"><tr role="row">${COLUMNS.map((key) => html`<th scope="col" role="columnheader">${t(`calls.${key}`)}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows}</tbody></table></div>`;
}
