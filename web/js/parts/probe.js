// A look at a camera: opened as a call would, with what happens line by line, and what was found.
import { html, useState } from "../../vendor/preact-htm.js";
import { lines } from "../api.js";
import { t } from "../text.js";

const number = (value, digits = 0) => value?.toFixed(digits);

function keys({ key_picture_seconds: every, key_picture_longer_than: longer }) {
  if (every != null) return t("cameras.key_every", { n: number(every, 1) });
  return longer == null ? "" : t("cameras.key_longer", { n: number(longer) });
}

function Finding({ finding }) {
  const { video, sound } = finding;
  return html`<p class=${finding.fit ? "soft" : "notice"}>${finding.says}</p>
    <dl>
      ${finding.from && html`<dt>${t("cameras.way")}</dt><dd>${finding.from}${finding.running ? `, ${t("cameras.running")}` : ""}</dd>`}
      ${finding.tried.map((tried) => html`<dt>${t("cameras.shows_nothing")}</dt><dd>${tried.way}: ${tried.reason}</dd>`)}
      ${video && html`<dt>${t("echo.picture")}</dt><dd>${video.codec} ${video.width} × ${video.height}</dd>`}
      ${finding.kbps != null && html`<dt>${t("cameras.flow")}</dt><dd>${t("cameras.flow_of", { n: number(finding.pictures_per_second), kbps: finding.kbps })} ${keys(finding)}</dd>`}
      ${sound && html`<dt>${t("echo.sound")}</dt><dd>${sound.codec === "none" ? t("cameras.no_sound") : sound.codec}</dd>`}
      ${finding.fit && html`<dt>${t("cameras.talking")}</dt><dd>${finding.talk_why}</dd>`}
      ${finding.first_picture_ms != null && html`<dt>${t("cameras.first_picture")}</dt><dd>${t("units.ms", { n: finding.first_picture_ms })}</dd>`}
    </dl>
    ${finding.advice.length > 0 && html`<ul>${finding.advice.map((advice) => html`<li>${advice}</li>`)}</ul>`}`;
}

// The camera's other buttons stand beside its own.
export function Probe({ camera, children }) {
  const [progress, setProgress] = useState(null);
  const [last, setLast] = useState({});
  const look = async () => {
    setLast({});
    setProgress("");
    try {
      await lines("probe", { camera: camera.endpoint_id }, (line) => (line.progress ? setProgress(line.progress) : setLast(line)));
    } catch (error) {
      setLast({ error: error.message });
    }
    setProgress(null);
  };
  return html`<div class="buttons">
      <button disabled=${progress != null || !camera.on} aria-label=${t("cameras.probe_which", { name: camera.name })} onClick=${look}>${t("cameras.probe")}</button>
      ${children}
      ${progress != null && html`<span class="soft" role="status">${progress}</span>`}
    </div>
    ${last.error && html`<p class="error" role="alert">${last.error}</p>`}
    ${last.finding && html`<${Finding} finding=${last.finding} />`}`;
}
