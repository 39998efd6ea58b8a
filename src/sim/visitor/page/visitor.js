// The page of whoever stands at the side door.
import { html, render, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Door } from "./door.js";
import { Level } from "./level.js";
import { Senses } from "./senses.js";
import { load, t } from "./text.js";

const LOOK_MS = 500;
const DING_DONG_MS = 2000;

const AT_THE_DOOR = ["asking", "opening", "standing"];

function Bell({ ring }) {
  const [rung, setRung] = useState(false);
  const press = () => {
    ring();
    setRung(true);
    setTimeout(() => setRung(false), DING_DONG_MS);
  };
  return html`<button class="primary bell" id="ring" disabled=${rung} onClick=${press}>${t(rung ? "visitor.rung" : "visitor.ring")}</button>`;
}

function Visitor({ house }) {
  const [stage, setStage] = useState("idle");
  const [cancels, setCancels] = useState(true);
  const [senses, setSenses] = useState(null);
  const [figures, setFigures] = useState({});
  const door = useRef(null);
  const video = useRef(null);

  const step = async () => {
    setStage("asking");
    const senses = await Senses.open(cancels);
    setSenses(senses);
    door.current = new Door(senses.stream, (stage) => {
      setStage(stage);
      if (AT_THE_DOOR.includes(stage)) return;
      senses.close();
      setSenses(null);
      setFigures({});
    });
  };

  useEffect(() => {
    if (video.current) video.current.srcObject = senses?.stream ?? null;
  }, [senses]);
  useEffect(() => {
    if (!senses) return undefined;
    const timer = setInterval(async () => {
      const seen = await door.current.figures();
      if (!door.current.over) setFigures({ ...seen, microphone: senses.level() });
    }, LOOK_MS);
    const leave = () => door.current.end("idle");
    addEventListener("pagehide", leave);
    return () => (clearInterval(timer), removeEventListener("pagehide", leave));
  }, [senses]);

  const stands = AT_THE_DOOR.includes(stage);
  const status = stage === "standing" ? (figures.watched ? "watched" : "alone") : stage;
  const { picture } = figures;
  return html`<header class="bar">
      <span class="home"><img src="icon.svg" alt="" /><span>${t("app.title")}</span></span>
      <a class="end" id="house" href=${house} target="_blank" rel="noopener">${t("visitor.house")}</a>
    </header>
    <main><h1>${t("visitor.visitor")}</h1><section class="card">
      <p class="soft hint">${t("visitor.hint")}</p>
      <p class="notice hint">${t("visitor.headphones")}</p>
      <div class="echo"><div class="screen">
        ${senses && html`<video ref=${video} autoplay muted playsinline aria-label=${t("visitor.visitor")}></video>`}
        <div class=${senses ? "badge" : "words"}><span id="stage" role="status" data-stage=${stage} data-watched=${!!figures.watched}>${t(`visitor.${status}`)}</span></div>
      </div></div>
      <div class="buttons">
        ${stage === "standing" && html`<${Bell} ring=${() => door.current.ring()} />`}
        ${stands
          ? html`<button class="stop" id="leave" disabled=${!senses} onClick=${() => door.current.end("idle")}>${t("visitor.leave")}</button>`
          : html`<button class="primary bell" id="start" onClick=${step}>${t("visitor.start")}</button>`}
      </div>
      ${!stands && html`<label><input type="checkbox" id="cancels" checked=${cancels} onChange=${(event) => setCancels(event.target.checked)} />${t("visitor.cancels")}</label>`}
      ${senses && !senses.has_camera && html`<p class="notice" id="no-camera">${t("visitor.no_camera")}</p>`}
      ${senses && !senses.has_microphone && html`<p class="notice" id="no-microphone">${t("visitor.no_microphone")}</p>`}
      ${senses && html`<dl>
        <${Level} label=${t("echo.microphone")} id="microphone-level" dbfs=${figures.microphone} />
        <${Level} label=${t("visitor.said")} id="said-level" dbfs=${figures.said} />
        ${picture && html`<dt>${t("echo.picture")}</dt><dd id="picture-facts" data-codec=${picture.codec} data-frames=${picture.frames}>${picture.codec} ${picture.width} × ${picture.height}, ${picture.fps} fps</dd>`}
      </dl>`}
    </section></main>`;
}

const [{ house }] = await Promise.all([fetch("place.json").then((reply) => reply.json()), load()]);
document.title = t("visitor.title");
document.getElementById("app").replaceChildren();
render(html`<${Visitor} house=${house} />`, document.getElementById("app"));
