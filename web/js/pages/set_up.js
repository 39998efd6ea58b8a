// The way from nothing to the first call: what is done, and what is to be done next.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { Account, Call, Events } from "../parts/alexa_steps.js";
import { DoorStep } from "../parts/door_step.js";
import { Fit } from "../parts/fit.js";
import { HubForm, found } from "../parts/hub_form.js";
import { Waiting } from "../parts/waiting.js";
import { to } from "../route.js";
import { date, t } from "../text.js";

const MARKS = { done: "✓", todo: "!", doing: "…", optional: "–" };
// A house that has not come back by then says by its hub's line what is wrong.
const JOINING_MS = 30_000;
// Where another address or token may help.
const FORM = ["none", "no_token", "down", "refused"];

function Detail({ why }) {
  return why && html`<p class="soft hint">${t("set_up.detail", { detail: why })}</p>`;
}

function Hub({ line: { code, values }, joining, joined }) {
  if (joining) return html`<p class="well">${found(joining)}</p><${Waiting} text=${t("set_up.step_joining")} />`;
  if (!FORM.includes(code) && code !== "without") return html`<${Detail} why=${values.why} />`;
  const form = html`<${HubForm} kept=${values.url} joined=${joined} />`;
  return html`<${Detail} why=${values.why} />
    ${["down", "without"].includes(code) ? html`<details><summary>${t(`set_up.${code === "down" ? "other_hub" : "add_hub"}`)}</summary>${form}</details>` : form}
    ${code === "none" && html`<p><a href=${to("cameras")}>${t("set_up.without_hub")}</a></p>`}`;
}

function Cameras({ line: { state } }) {
  return html`<p><a href=${to("cameras")}>${t(state === "done" ? "set_up.see_cameras" : "set_up.add_camera")}</a></p>`;
}

const BODIES = { hub: Hub, cameras: Cameras, fit: Fit, door: DoorStep, account: Account, events: Events, call: Call };

function words({ id, code, values }) {
  const { call, since } = values;
  return t(`set_up.${id}_${code}`, { ...values, ...(call && { camera: call.camera, ms: call.ms, at: date(call.at) }), ...(since && { since: date(since) }) });
}

function Line({ line, next, ...rest }) {
  const Body = BODIES[line.id];
  return html`<li class="card step" data-line=${line.id} data-state=${line.state} data-code=${line.code} aria-current=${next ? "step" : null}>
    <span class="mark" aria-hidden="true">${MARKS[line.state]}</span>
    <div>
      <h2>${t(`set_up.${line.id}`)} <span class="standing">${t(`set_up.state_${line.state}`)}</span></h2>
      <p>${words(line)}</p>
      <${Body} line=${line} next=${next} ...${rest} />
    </div>
  </li>`;
}

// The house that starts anew, until it is with its hub.
function useJoining(hub) {
  const [joining, setJoining] = useState(null);
  useEffect(() => {
    if (hub?.code === "running" || hub?.code === "refused") setJoining(null);
  }, [hub?.code]);
  useEffect(() => {
    const timer = joining && setTimeout(() => setJoining(null), JOINING_MS);
    return () => clearTimeout(timer);
  }, [joining]);
  return [joining, setJoining];
}

export function SetUp({ house: { set_up: list, me, status } }) {
  const [joining, joined] = useJoining(list?.lines.find(({ id }) => id === "hub"));
  // The house leads here while it has no cameras; whoever is here stays when they come.
  useEffect(() => {
    if (!location.hash) location.replace(to("set_up"));
  }, []);
  const title = html`<h1 tabindex="-1">${t("app.page_set_up")}</h1>`;
  // Addresses of the house are told to nobody else.
  if (me && me.admin !== true) return html`${title}<p class="card notice">${t("set_up.admins_only")}</p>`;
  if (!list) return html`${title}<p class="loading" role="status">${t("app.loading")}</p>`;
  const wanted = list.lines.filter(({ state }) => state !== "optional");
  const next = wanted.find(({ state }) => state === "todo");
  const so_far = { n: wanted.filter(({ state }) => state === "done").length, of: wanted.length };
  return html`${title}
    <section class="card" aria-label=${t("set_up.progress")}>
      <p id="so-far" role="status">${list.complete ? t("set_up.complete") : t("set_up.so_far", so_far)} ${next && t("set_up.next", { what: t(`set_up.${next.id}`) })}</p>
      <progress max=${so_far.of} value=${so_far.n} aria-label=${t("set_up.progress")}></progress>
    </section>
    <ol class="checklist">${list.lines.map((line) => html`<${Line} key=${line.id} line=${line} next=${line === next} joining=${joining} joined=${joined} demo=${status.demo} />`)}</ol>`;
}
