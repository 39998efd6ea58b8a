// A look at a camera: opened as a call would, with what happens line by line, and what was found.
import { html, useState } from "../../vendor/preact-htm.js";
import { lines } from "../api.js";
import { language, t } from "../text.js";
import { plain, Tail } from "./reason.js";
import { codec, talk, way, words } from "./words.js";

const number = (value, digits = 0) => value?.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

function keys({ key_picture_seconds: every, key_picture_longer_than: longer }) {
  if (every != null) return t("camera.key_every", { n: number(every, 1) });
  return longer == null ? "" : t("camera.key_longer", { n: number(longer) });
}

function Facts({ finding }) {
  const { video, sound } = finding;
  // The only one that failed is told of already.
  const tried = finding.says.code === "nothing" ? [] : finding.tried;
  return html`<dl>
    ${finding.way && html`<dt>${t("camera.way")}</dt><dd>${way(finding.way)}${finding.running ? `, ${t("camera.running")}` : ""}</dd>`}
    ${tried.map((one) => html`<dt>${t("camera.shows_nothing")}</dt><dd>${way(one.kind)}: ${plain(one.reason)}<${Tail} text=${one.reason} /></dd>`)}
    ${video && html`<dt>${t("camera.picture")}</dt><dd>${codec(video.codec)}, ${video.width} × ${video.height}</dd>`}
    ${finding.kbps != null && html`<dt>${t("camera.flow")}</dt><dd>${t("camera.flow_of", { n: number(finding.pictures_per_second), kbps: finding.kbps })} ${keys(finding)}</dd>`}
    ${sound && html`<dt>${t("camera.sound")}</dt><dd>${sound.codec === "none" ? t("camera.no_sound") : sound.codec}</dd>`}
    ${finding.fit && html`<dt>${t("camera.talking")}</dt><dd>${t(finding.talk ? "camera.possible" : "camera.not_possible")}: ${talk({ reasons: finding.talk_reasons, why: finding.talk_why })}</dd>`}
    ${finding.first_picture_ms != null && html`<dt>${t("camera.first_picture")}</dt><dd>${t("units.ms", { n: finding.first_picture_ms })}</dd>`}
  </dl>`;
}

// What a call would do first, then what to do better, then what was seen.
export function Finding({ finding }) {
  const says = words("probe", finding.says);
  return html`<div class="finding" data-fit=${String(finding.fit)}>
    <p class=${finding.fit ? "well" : "notice"}><strong>${t(finding.fit ? "camera.fit" : "camera.unfit")}</strong> ${plain(says)}</p><${Tail} text=${says} />
    ${finding.advice.length > 0
      ? html`<p>${t("camera.to_do")}</p><ul>${finding.advice.map((advice) => html`<li>${words("advice", advice)}</li>`)}</ul>`
      : finding.fit && html`<p class="soft">${t("camera.nothing_to_do")}</p>`}
    <${Facts} finding=${finding} />
  </div>`;
}

// `what` is looked at: `{ camera }` or `{ source }`.
export function useLook() {
  const [progress, setProgress] = useState(null);
  const [last, setLast] = useState({});
  const look = async (what) => {
    setLast({});
    setProgress(t("camera.opening"));
    const take = (line) => (line.progress ? setProgress(words("progress", { ...line, text: line.progress })) : setLast({ ...line, what }));
    await lines("probe", what, take).catch((error) => setLast({ error: error.message }));
    setProgress(null);
  };
  return { progress, last, look };
}

export function Looked({ progress, last }) {
  return html`<div role="status">${progress != null && html`<p class="soft waiting"><span class="spinner" aria-hidden="true"></span><span>${plain(progress)}</span></p>`}</div>
    ${last.error && html`<p class="error" role="alert">${plain(last.error)}</p><${Tail} text=${last.error} />`}
    ${last.finding && html`<${Finding} finding=${last.finding} />`}`;
}

// The camera's other buttons stand beside its own.
export function Probe({ camera, children }) {
  const { progress, last, look } = useLook();
  return html`<div class="buttons">
      <button disabled=${progress != null || !camera.on} aria-label=${t("camera.probe_which", { name: camera.name })} onClick=${() => look({ camera: camera.endpoint_id })}>${t("camera.probe")}</button>
      ${children}
    </div>
    <${Looked} progress=${progress} last=${last} />`;
}
