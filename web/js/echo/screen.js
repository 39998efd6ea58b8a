// The Echo's screen: the call's picture, or what there is in its place.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { t } from "../text.js";
import { Stills } from "./stills.js";

// Browsers may refuse sound until somebody has touched the page.
async function play(video, silenced) {
  try {
    await video.play();
  } catch (error) {
    if (error.name !== "NotAllowedError" || video.muted) return;
    video.muted = true;
    silenced(true);
    await play(video, silenced);
  }
}

function Video({ stream, name, onPicture }) {
  const [silent, setSilent] = useState(false);
  const video = useRef(null);
  useEffect(() => {
    video.current.srcObject = stream;
    play(video.current, setSilent);
  }, [stream]);
  const unmute = () => {
    video.current.muted = false;
    setSilent(false);
    play(video.current, setSilent);
  };
  return html`<video ref=${video} id="picture" autoplay playsinline aria-label=${name} onResize=${onPicture}></video>
    ${silent && html`<button id="unmute-sound" class="over" onClick=${unmute}>${t("echo.unmute_sound")}</button>`}`;
}

// `stills`: null, or { camera, fresh } to be shown in place of a call.
export function Screen({ name, stage, stream, stills, status, state, waited, onPicture }) {
  const shows = stage === "live" || stage === "interrupted" || (!stage && stills);
  return html`<div class="echo"><div class="screen">
      ${stream && html`<${Video} stream=${stream} name=${name} onPicture=${onPicture} />`}
      ${!stage && stills && html`<${Stills} ...${stills} />`}
      <div class=${shows ? "badge corner" : "words"}>
        <span id="stage" role="status" data-stage=${state}>${status}</span>
        ${waited > 0 && html`<span class="waiting" id="waiting" aria-hidden="true"><span class="spinner"></span>${t("units.seconds", { n: waited })}</span>`}
      </div>
    </div></div>`;
}
