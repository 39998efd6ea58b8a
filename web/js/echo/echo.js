// The card that plays the Echo.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { Call } from "./call.js";
import { Level } from "../level.js";
import { t } from "../text.js";
import { Visitor } from "./visitor.js";

const IDLE = { stage: null, stream: null, figures: {} };

// A door is answered, anything else is shown.
const phrase = (camera) => (camera.doorbell ? "echo.answer" : "echo.show");

// What keeps the microphone away before anything was asked.
const insecure = () => t("echo.insecure", { here: `http://localhost${location.port && `:${location.port}`}/` });

function Failure({ camera, error, lost, reason }) {
  if (error?.type) return html`<p class="error" role="alert">${t("echo.refused", { camera, type: error.type, message: error.message })}</p>`;
  if (error) return html`<p class="error" role="alert">${t("echo.failed", { message: error.message })}</p>`;
  if (lost) return html`<p class="error" role="alert" id="lost">${t(reason ? "echo.lost_because" : "echo.lost", { reason })}</p>`;
  return null;
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

export function Echo({ cameras, calls, demo, sent }) {
  const [state, setState] = useState(IDLE);
  const [muted, setMuted] = useState(false);
  const call = useRef(null);
  const video = useRef(null);

  const change = (part) =>
    setState((before) => ({ ...before, ...part, ...(part.stage && part.stage !== before.stage && { since: performance.now() }) }));

  useEffect(() => {
    if (video.current) video.current.srcObject = state.stream;
  }, [state.stream]);

  useEffect(() => {
    const timer = setInterval(async () => {
      if (call.current && !call.current.over) change({ figures: await call.current.figures() });
    }, 500);
    const leave = () => call.current?.hangUp();
    addEventListener("pagehide", leave);
    return () => (clearInterval(timer), removeEventListener("pagehide", leave), leave());
  }, []);

  const record = calls.find((one) => one.session_id === state.session);
  useEffect(() => {
    if (record?.ended) call.current.ended();
  }, [record?.ended]);

  const begin = (camera) => {
    setMuted(false);
    const own = new Call(camera, (part) => call.current === own && change(part));
    setState({ ...IDLE, camera, session: own.session });
    call.current = own;
    own.start();
  };
  useBell(sent, (endpoint) => {
    const camera = cameras.find((one) => one.endpoint_id === endpoint);
    if (camera && !state.stage) begin(camera);
  });
  const mute = () => {
    call.current.mute(!muted);
    setMuted(!muted);
  };

  const shared = cameras.filter((camera) => camera.alexa);
  const { camera, stage, figures } = state;
  const name = camera?.name ?? shared[0]?.name;
  const status = stage ? t(`echo.${stage}`) : state.ended ? t("echo.ended") : shared.length ? t("echo.idle", { phrase: t(phrase(shared[0]), { camera: shared[0].name.toLowerCase() }).toLowerCase() }) : t("echo.none");
  const shows = stage === "live" || stage === "interrupted";
  const waited = stage && stage !== "live" ? Math.floor((performance.now() - state.since) / 1000) : 0;
  const live = cameras.find((other) => other.endpoint_id === camera?.endpoint_id)?.live;
  return html`<section class="card" aria-labelledby="echo-title">
    <h2 id="echo-title">${t("echo.echo")}</h2>
    ${demo && html`<p class="soft hint" id="demo-hint">${t("echo.demo_hint", demo)}</p>`}
    <div class="echo"><div class="screen">
      ${state.stream && html`<video ref=${video} id="picture" autoplay playsinline aria-label=${name} onResize=${() => call.current.picture()}></video>`}
      <div class=${shows ? "badge" : "words"}>
        <span id="stage" role="status" data-stage=${stage ?? (state.ended ? "ended" : "idle")}>${status}</span>
        ${waited > 0 && html`<span class="waiting" id="waiting" aria-hidden="true"><span class="spinner"></span>${t("units.seconds", { n: waited })}</span>`}
      </div>
    </div></div>
    <div class="buttons">
      ${stage
        ? html`<button class="stop" id="hang-up" onClick=${() => call.current.hangUp()}>${t("echo.hang_up")}</button>
            ${state.microphone && html`<button id="mute" aria-pressed=${muted} onClick=${mute}>${t(muted ? "echo.unmute" : "echo.mute")}</button>
              <span class="soft" id="microphone-on">${t(muted ? "echo.microphone_muted" : "echo.microphone_on")}</span>`}`
        : shared.map((one) => html`<button class="primary" key=${one.endpoint_id} data-endpoint=${one.endpoint_id} onClick=${() => begin(one)}>${t(phrase(one), { camera: one.name.toLowerCase() })}</button>`)}
    </div>
    ${demo && html`<${Visitor} page=${demo.visitor} />`}
    ${stage && state.view_only && html`<p class="notice" id="view-only">${t("echo.view_only", { why: state.view_only === "insecure" ? insecure() : t(`echo.${state.view_only}`) })}</p>`}
    ${!stage && !window.isSecureContext && shared.some((one) => one.talk.path) && html`<p class="notice" id="view-only-ahead">${t("echo.view_only", { why: insecure() })}</p>`}
    <${Failure} camera=${name} error=${state.error} lost=${state.lost} reason=${record?.end_reason} />
    ${camera && html`<dl>
      ${state.answer_ms !== undefined && html`<dt>${t("echo.answer_time")}</dt><dd id="answer-time">${t("units.ms", { n: state.answer_ms })}</dd>`}
      ${state.picture_ms !== undefined && html`<dt>${t("echo.picture_time")}</dt><dd id="picture-time">${t("units.ms", { n: state.picture_ms })}</dd>`}
      ${figures.picture?.width && html`<dt>${t("echo.picture")}</dt><dd id="picture-facts" data-frames=${figures.picture.frames}>${figures.picture.width} × ${figures.picture.height}, ${figures.picture.fps ?? 0} fps</dd>`}
      ${stage && html`<${Level} label=${t("echo.sound")} id="sound-level" dbfs=${figures.sound} />`}
      ${stage && state.microphone && html`<${Level} label=${t("echo.microphone")} id="microphone-level" dbfs=${figures.microphone} />`}
      ${stage && camera.talk.path && html`<${Level} label=${t("echo.speaker")} id="speaker-level" dbfs=${live?.speaker_dbfs} />`}
    </dl>`}
  </section>`;
}
