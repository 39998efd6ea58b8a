// The card that plays the Echo: in the demo for all cameras, with its bell; on a camera's page for that one.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { useHouse } from "../house.js";
import { Level } from "../level.js";
import { language, t } from "../text.js";
import { plain, Tail } from "../parts/reason.js";
import { Call } from "./call.js";
import { Screen } from "./screen.js";
import { STEPS, Steps } from "./steps.js";
import { Visitor } from "./visitor.js";

const NONE = [];
// After the first picture; the house's news of it take a moment.
const SURE_MS = 2000;
const IDLE = { stage: null, stream: null, figures: {}, taken: [] };

// As it is said; in German names of things keep their capital letter.
const said = (camera) => (language === "en" ? camera.name.toLowerCase() : camera.name);
// A door is answered, anything else is shown.
const phrase = (camera) => t(camera.doorbell ? "echo.answer" : "echo.show", { camera: said(camera) });
const command = (camera) => t("echo.idle", { phrase: phrase(camera).replace(/^./, (first) => first.toLowerCase()) });

// What keeps the microphone away before anything was asked.
const insecure = () => t("echo.insecure", { here: `http://localhost${location.port && `:${location.port}`}/` });

// With a new stage the one before is over.
function changed(before, part) {
  const now = performance.now();
  if (part.stage === undefined || part.stage === before.stage) return { ...before, ...part };
  const over = STEPS.includes(before.stage) ? [{ step: before.stage, ms: now - before.since }] : [];
  return { ...before, ...part, since: now, taken: [...before.taken, ...over] };
}

// An Echo with a screen shows a door whose bell was pressed. Presses from before this page were somebody else's.
function useBell(sent, ring) {
  const seen = useRef(null);
  useEffect(() => {
    const presses = sent.filter((one) => one.what === "DoorbellPress" && one.outcome === "delivered");
    const news = seen.current === null ? [] : presses.filter((one) => Date.parse(one.at) > seen.current);
    seen.current = Math.max(seen.current ?? 0, ...presses.map((one) => Date.parse(one.at)));
    if (news.length) ring(news[0].endpoint_id);
  }, [sent]);
}

// The page's own call: what is known of it, and what can be done with it.
function useCall(calls) {
  const [state, setState] = useState(IDLE);
  const call = useRef(null);
  const change = (part) => setState((before) => changed(before, part));
  const hangUp = () => call.current?.hangUp();
  useEffect(() => {
    const timer = setInterval(async () => {
      if (call.current && !call.current.over) change({ figures: await call.current.figures() });
    }, 500);
    addEventListener("pagehide", hangUp);
    return () => (clearInterval(timer), removeEventListener("pagehide", hangUp), hangUp());
  }, []);
  const record = calls.find((one) => one.session_id === state.session);
  useEffect(() => {
    if (record?.ended) call.current.ended();
  }, [record?.ended]);
  const begin = (camera) => {
    if (!window.RTCPeerConnection) return setState({ ...IDLE, camera, ended: true, no_path: "no_webrtc" });
    const own = new Call(camera, (part) => call.current === own && change(part));
    call.current = own;
    setState({ ...IDLE, camera, session: own.session });
    own.start();
  };
  const reset = () => setState(IDLE);
  return { state, record, begin, hangUp, reset, mute: (muted) => call.current.mute(muted), picture: () => call.current.picture() };
}

// Pictures flow, but they are notices of the house: the camera itself shows nothing.
function isNotice({ stage, since }, record, live) {
  if (stage !== "live" || !record || record.ended || !live || live.picture) return false;
  return Boolean(live.trouble) || (record.stages.camera_shown == null && performance.now() - since > SURE_MS);
}

function Failure({ camera, error, lost, noPath, reason }) {
  const says = (id, text, kind = "error") => html`<p class=${kind} role="alert" id=${id}>${text}</p>`;
  if (noPath) return says("no-path", `${t(`echo.no_path_${noPath}`)} ${t("echo.no_path")}`, "notice");
  if (error?.type) return says("refused", t("echo.refused", { camera, type: error.type, message: plain(error.message) }));
  if (error) return says("failed", t("echo.failed", { message: plain(error.message) }));
  if (lost) return says("lost", t(reason ? "echo.lost_because" : "echo.lost", { reason: plain(reason) }));
  return null;
}

function Microphone({ mute }) {
  const [muted, setMuted] = useState(false);
  const press = () => (mute(!muted), setMuted(!muted));
  return html`<button id="mute" aria-pressed=${muted} onClick=${press}>${t(muted ? "echo.unmute" : "echo.mute")}</button>
    <span class="soft" id="microphone-on">${t(muted ? "echo.microphone_muted" : "echo.microphone_on")}</span>`;
}

function Facts({ state, camera, live, notice }) {
  const { stage, figures, answer_ms: answer, picture_ms: first } = state;
  return html`<dl>
    ${answer !== undefined && html`<dt>${t("echo.answer_time")}</dt><dd id="answer-time">${t("units.ms", { n: answer })}</dd>`}
    ${first !== undefined && !notice && html`<dt>${t("echo.picture_time")}</dt><dd id="picture-time">${t("units.ms", { n: first })}</dd>`}
    ${figures.picture?.width && html`<dt>${t("echo.picture")}</dt><dd id="picture-facts" data-frames=${figures.picture.frames}>${figures.picture.width} × ${figures.picture.height}, ${t("echo.fps", { n: figures.picture.fps ?? 0 })}</dd>`}
    ${figures.path && html`<dt>${t("echo.path")}</dt><dd id="path">${t(`echo.path_${figures.path}`)}</dd>`}
    ${stage && html`<${Level} label=${t("echo.sound")} id="sound-level" dbfs=${figures.sound} />`}
    ${stage && state.microphone && html`<${Level} label=${t("echo.microphone")} id="microphone-level" dbfs=${figures.microphone} />`}
    ${stage && camera.talk.path && html`<${Level} label=${t("echo.speaker")} id="speaker-level" dbfs=${live?.speaker_dbfs} />`}
  </dl>`;
}

// Why one camera's page has no live view, or nothing.
function hindrance(camera, readOnly) {
  if (!camera.on) return "echo.off";
  if (readOnly) return "echo.read_only";
  return camera.alexa ? null : "echo.not_shared";
}

export function Echo({ cameras, calls, demo, sent = NONE }) {
  const { me } = useHouse();
  const { state, record, begin, hangUp, reset, mute, picture } = useCall(calls);
  const { camera, stage } = state;
  const only = demo ? null : cameras[0];
  const readOnly = me?.admin === false;
  const hindered = only && hindrance(only, readOnly);
  const offered = readOnly ? [] : cameras.filter((one) => one.alexa);
  const shared = offered.filter((one) => one.on);
  useBell(sent, (endpoint) => {
    const rung = cameras.find((one) => one.endpoint_id === endpoint);
    if (rung && !stage) begin(rung);
  });

  const live = cameras.find((one) => one.endpoint_id === camera?.endpoint_id)?.live;
  const notice = isNotice(state, record, live);
  const name = (camera ?? only ?? shared[0])?.name;
  const fallback = !stage && state.no_path && (cameras.find((one) => one.endpoint_id === camera.endpoint_id) ?? camera);
  const poster = only?.on && !stage ? { camera: only, fresh: false } : null;
  const stills = fallback?.on ? { camera: fallback, fresh: true } : poster;
  const shown = stage ?? (fallback ? "stills" : state.ended ? "ended" : "idle");
  const status = () => {
    if (notice) return t("echo.notice");
    if (stage || fallback) return t(`echo.${shown}`);
    if (state.ended) return t("echo.ended");
    if (only) return t(only.on ? "echo.still" : "echo.off");
    return shared.length ? command(shared[0]) : t("echo.none");
  };
  const waited = stage && stage !== "live" ? Math.floor((performance.now() - state.since) / 1000) : 0;
  const label = (one) => (!one.on ? t("echo.switched_off", { camera: one.name }) : fallback ? t("echo.try_again") : only ? t("echo.begin") : phrase(one));
  return html`<section class="card" aria-labelledby="echo-title">
    <h2 id="echo-title">${t(only ? "echo.live_view" : "echo.echo")}</h2>
    ${demo && html`<p class="soft hint" id="demo-hint">${t("echo.demo_hint", demo)}</p>`}
    ${only && html`<p class="soft hint" id="live-hint">${t(hindered ?? "echo.live_hint")}</p>`}
    <${Screen} name=${name} stage=${stage} stream=${state.stream} stills=${stills} status=${status()} state=${shown} waited=${waited} onPicture=${picture} />
    <div class="buttons">
      ${stage
        ? html`<button class="stop" id="hang-up" onClick=${hangUp}>${t("echo.hang_up")}</button>
            ${state.microphone && html`<${Microphone} key=${state.session} mute=${mute} />`}`
        : !hindered && (fallback ? [fallback] : offered).map((one) => html`<button class="primary" key=${one.endpoint_id} data-endpoint=${one.endpoint_id} disabled=${!one.on} onClick=${() => begin(one)}>${label(one)}</button>`)}
      ${fallback && html`<button id="stop-stills" onClick=${reset}>${t("echo.stop_stills")}</button>`}
    </div>
    ${demo && html`<${Visitor} page=${demo.visitor} />`}
    ${stage && state.view_only && html`<p class="notice" id="view-only">${t("echo.view_only", { why: state.view_only === "insecure" ? insecure() : t(`echo.${state.view_only}`) })}</p>`}
    ${!stage && !window.isSecureContext && shared.some((one) => one.talk.path) && html`<p class="notice" id="view-only-ahead">${t("echo.view_only", { why: insecure() })}</p>`}
    ${(stage === "waiting_picture" || notice) && live?.trouble && html`<p class="notice" role="status" id="trouble">${t("echo.trouble", { why: plain(live.trouble) })}</p><${Tail} text=${live.trouble} />`}
    <${Failure} camera=${name} error=${state.error} lost=${state.lost} noPath=${state.no_path} reason=${record?.end_reason} />
    ${camera && state.taken.length + (stage ? 1 : 0) > 0 && html`<${Steps} taken=${state.taken} now=${stage} failed=${state.error || state.no_path} notice=${notice || (state.ended && record && record.stages.camera_shown == null)} />`}
    ${camera && html`<${Facts} state=${state} camera=${camera} live=${live} notice=${notice} />`}
  </section>`;
}
