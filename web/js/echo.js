// The card that plays the Echo.
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Call } from "./call.js";
import { t } from "./text.js";

const IDLE = { stage: null, stream: null, figures: {} };

// dBFS to a bar of 0 to 60.
const bar = (dbfs) => Math.max(0, Math.min(60, 60 + (dbfs ?? -100)));
const decibel = (level) => (level > 0 ? 20 * Math.log10(level) : -100);

function Level({ label, dbfs, id }) {
  return html`<dt>${label}</dt>
    <dd><meter id=${id} min="0" max="60" value=${bar(dbfs)} aria-label=${label}></meter></dd>`;
}

function Failure({ camera, error, lost }) {
  if (error?.type) return html`<p class="error" role="alert">${t("refused", { camera, type: error.type, message: error.message })}</p>`;
  if (error) return html`<p class="error" role="alert">${t("failed", { message: error.message })}</p>`;
  if (lost) return html`<p class="error" role="alert">${t("lost")}</p>`;
  return null;
}

export function Echo({ cameras }) {
  const [state, setState] = useState(IDLE);
  const [muted, setMuted] = useState(false);
  const call = useRef(null);
  const video = useRef(null);

  const change = (part) => setState((before) => ({ ...before, ...part }));

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

  const begin = (camera) => {
    const started = performance.now();
    setMuted(false);
    setState({ ...IDLE, camera, started });
    const own = new Call(camera, (part) => call.current === own && change(part));
    call.current = own;
    own.start();
  };
  const pictured = () => {
    change({ stage: "live", picture_ms: Math.round(performance.now() - state.started) });
  };
  const mute = () => {
    call.current.mute(!muted);
    setMuted(!muted);
  };

  const shared = cameras.filter((camera) => camera.alexa);
  const { camera, stage, figures } = state;
  const name = camera?.name ?? shared[0]?.name;
  const status = stage ? t(stage) : state.ended ? t("ended") : shared.length ? t("echo_idle", { camera: name.toLowerCase() }) : t("echo_none");
  const live = cameras.find((other) => other.endpoint_id === camera?.endpoint_id)?.live;
  return html`<section aria-labelledby="echo-title">
    <h2 id="echo-title">${t("echo")}</h2>
    <div class="echo"><div class="screen">
      ${state.stream && html`<video ref=${video} id="picture" autoplay playsinline aria-label=${name} onResize=${stage === "live" ? null : pictured}></video>`}
      <span id="stage" role="status" data-stage=${stage ?? (state.ended ? "ended" : "idle")} class=${state.stream ? "over" : stage ? "pulse" : ""}>${status}</span>
    </div></div>
    <div class="buttons">
      ${stage
        ? html`<button class="stop" id="hang-up" onClick=${() => call.current.hangUp()}>${t("hang_up")}</button>
            ${state.microphone && html`<button id="mute" aria-pressed=${muted} onClick=${mute}>${t(muted ? "unmute" : "mute")}</button>`}`
        : shared.map((one) => html`<button class="primary" key=${one.endpoint_id} data-endpoint=${one.endpoint_id} onClick=${() => begin(one)}>${t("answer", { camera: one.name.toLowerCase() })}</button>`)}
    </div>
    ${stage && state.view_only && html`<p class="notice" id="view-only">${t("view_only", { why: t(state.view_only) })}</p>`}
    ${stage && state.microphone && html`<p class="soft" id="microphone-on">${t("microphone_on")}</p>`}
    <${Failure} camera=${name} error=${state.error} lost=${state.lost} />
    ${camera && html`<dl>
      ${state.answer_ms !== undefined && html`<dt>${t("answer_time")}</dt><dd id="answer-time">${t("ms", { n: state.answer_ms })}</dd>`}
      ${state.picture_ms !== undefined && html`<dt>${t("picture_time")}</dt><dd id="picture-time">${t("ms", { n: state.picture_ms })}</dd>`}
      ${figures.picture?.width && html`<dt>${t("picture")}</dt><dd id="picture-facts" data-frames=${figures.picture.frames}>${figures.picture.width} × ${figures.picture.height}, ${figures.picture.fps ?? 0} fps</dd>`}
      ${stage && html`<${Level} label=${t("sound")} id="sound-level" dbfs=${decibel(figures.level)} />`}
      ${stage && state.microphone && html`<${Level} label=${t("microphone")} id="microphone-level" dbfs=${decibel(figures.microphone)} />`}
      ${stage && camera.full_duplex && html`<${Level} label=${t("speaker")} id="speaker-level" dbfs=${live?.speaker_dbfs} />`}
    </dl>`}
  </section>`;
}
