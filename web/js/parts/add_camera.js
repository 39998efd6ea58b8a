// A camera that no hub knows, by its own address: looked at before it is saved.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { act } from "../api.js";
import { to } from "../route.js";
import { t } from "../text.js";
import { Field, problemsOf } from "./field.js";
import { Looked, useLook } from "./probe.js";

// What addresses of these makers look like; the words in capitals are to be replaced.
const MAKERS = {
  Axis: "rtsp://USER:PASSWORD@ADDRESS/axis-media/media.amp?videocodec=h264",
  "Dahua, Amcrest": "rtsp://USER:PASSWORD@ADDRESS:554/cam/realmonitor?channel=1&subtype=1",
  DoorBird: "rtsp://USER:PASSWORD@ADDRESS/mpeg/media.amp",
  "ESP32-CAM": "http://ADDRESS:81/stream",
  Foscam: "rtsp://USER:PASSWORD@ADDRESS:88/videoSub",
  Hikvision: "rtsp://USER:PASSWORD@ADDRESS:554/Streaming/Channels/102",
  Reolink: "rtsp://USER:PASSWORD@ADDRESS:554/h264Preview_01_sub",
  "TP-Link Tapo": "rtsp://USER:PASSWORD@ADDRESS:554/stream2",
  "UniFi Protect": "rtsps://ADDRESS:7441/KEY",
};
const LONGEST_ID = 64;

// What Alexa knows it by: made of the name once, and the same for ever.
export function idOf(name, taken) {
  const plain = name.toLowerCase().replace(/ä/g, "ae").replace(/ö/g, "oe").replace(/ü/g, "ue").replace(/ß/g, "ss").normalize("NFKD");
  const words = plain.replace(/[^a-z0-9]+/g, " ").trim().replace(/ /g, "_").slice(0, LONGEST_ID);
  const id = words || "camera";
  let unique = id;
  for (let n = 2; taken.includes(unique); n += 1) unique = `${id}_${n}`;
  return unique;
}

export function AddCamera({ cameras, close }) {
  const [name, setName] = useState("");
  const [kind, setKind] = useState("camera");
  const [maker, setMaker] = useState("");
  const [source, setSource] = useState("");
  const [saving, setSaving] = useState({});
  const { progress, last, look } = useLook();
  const title = useRef(null);
  useEffect(() => title.current.focus(), []);

  const id = idOf(name, cameras.map((camera) => camera.endpoint_id));
  const choose = (chosen) => {
    const isPattern = !source || Object.values(MAKERS).includes(source);
    setMaker(chosen);
    if (isPattern) setSource(MAKERS[chosen] ?? "");
  };
  const complete = name.trim() && source.trim();
  const busy = progress != null || saving.busy;
  const save = async (event) => {
    event.preventDefault();
    setSaving({ busy: true });
    const change = (key, value) => ({ camera: { id }, key, value });
    const changes = [change("source", source.trim()), change("name", name.trim()), change("kind", kind)];
    try {
      await act("PUT", "settings", { changes });
      setSaving({ saved: id });
    } catch (error) {
      setSaving(problemsOf(error));
    }
  };
  if (saving.saved) {
    return html`<section class="card" id="added"><p class="well" role="status">${t("cameras.added", { name })}</p>
      <div class="buttons"><a class="button primary" href=${to("cameras", saving.saved)}>${t("cameras.to_its_page")}</a><button onClick=${close}>${t("cameras.close")}</button></div></section>`;
  }
  const { problems = {} } = saving;
  return html`<form class="card" id="add-camera" onSubmit=${save} aria-labelledby="add-title">
    <h2 id="add-title" tabindex="-1" ref=${title}>${t("cameras.add")}</h2>
    <p class="soft hint">${t("cameras.add_hint")}</p>
    <${Field} id="add-name" label=${t("cameras.name")} hint=${name.trim() && t("cameras.id_hint", { id })} problem=${problems.name ?? problems.id}>${(more) => html`<input ...${more} value=${name} maxlength="128" dir="auto" required onInput=${({ target }) => setName(target.value)} />`}<//>
    <${Field} id="add-kind" label=${t("cameras.kind")} problem=${problems.kind}>${(more) => html`<select ...${more} value=${kind} onChange=${({ target }) => setKind(target.value)}><option value="camera">${t("cameras.camera")}</option><option value="doorbell">${t("cameras.doorbell")}</option></select>`}<//>
    <${Field} id="add-maker" label=${t("cameras.maker")} hint=${t("cameras.maker_hint")}>${(more) => html`<select ...${more} value=${maker} onChange=${({ target }) => choose(target.value)}><option value="">${t("cameras.another_maker")}</option>${Object.keys(MAKERS).map((one) => html`<option value=${one}>${one}</option>`)}</select>`}<//>
    <${Field} id="add-source" label=${t("cameras.address")} hint=${t("cameras.address_hint")} problem=${problems.source}>${(more) => html`<input ...${more} value=${source} required autocapitalize="off" autocomplete="off" spellcheck="false" placeholder="rtsp://…" onInput=${({ target }) => setSource(target.value)} />`}<//>
    <div class="buttons">
      <button type="button" id="look-first" disabled=${!source.trim() || busy} onClick=${() => look({ source: source.trim() })}>${t("cameras.look_first")}</button>
      <button class="primary" disabled=${!complete || busy}>${t("cameras.save")}</button>
      <button type="button" onClick=${close}>${t("cameras.cancel")}</button>
    </div>
    ${saving.error && html`<p class="error" role="alert">${saving.error}</p>`}
    <${Looked} progress=${progress} last=${last} />
    ${last.finding && last.what.source !== source.trim() && html`<p class="notice">${t("cameras.looked_at_another")}</p>`}
  </form>`;
}
