// The settings of one camera. What was changed and not saved stays, whatever else changes meanwhile.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { act, get } from "../api.js";
import { go } from "../route.js";
import { t } from "../text.js";
import { Field, Tick, problemsOf } from "./field.js";

// What a key that is not set stands for.
const DEFAULTS = { name: "", kind: "", source: "", prefer: "auto", talk: "auto", echo_cancel: "auto", warm: false, stream: false, bell: "", motion: "", alexa: true };
const OF_HUB = ["auto", "source", "relay", "hls", "still"];
const MASK = "***";

// What was not saved yet, by camera. It outlives a look at another page.
const kept = new Map();

addEventListener("beforeunload", (event) => kept.size > 0 && event.preventDefault());

function useDraft(id) {
  const [draft, setDraft] = useState(kept.get(id) ?? {});
  const redraft = (next) =>
    setDraft((before) => {
      const draft = typeof next === "function" ? next(before) : next;
      Object.keys(draft).length ? kept.set(id, draft) : kept.delete(id);
      return draft;
    });
  return [draft, redraft];
}

const settingsOf = (settings, table) => settings.cameras.find((one) => table && (table.id ? one.id === table.id : one.entity === table.entity))?.values ?? {};
const none = { cameras: [], bells: [], motions: [] };

// The entity that new settings are for: the one whose picture is shown first.
const firstEntity = ({ details }) => details.ways.find((one) => one.entity)?.entity ?? details.entities[0]?.entity;

// What is to be sent so that the camera has these settings. A key at its default is taken away.
function changesFor(table, camera, draft, saved) {
  const { entity, ...keys } = draft;
  const change = (which, key, value) => ({ camera: which, key, value: value === DEFAULTS[key] ? null : value });
  const moves = entity && entity !== table?.entity;
  const which = table && !moves ? table : { entity: entity ?? firstEntity(camera) };
  const all = moves && table ? { ...saved, ...keys } : keys;
  const changes = Object.entries(all).map(([key, value]) => change(which, key, value ?? DEFAULTS[key]));
  if (!moves) return changes;
  const gone = table ? [{ camera: table, remove: true }] : [];
  // Settings may say no more than which entity they are for.
  return [...gone, ...changes, ...(changes.length ? [] : [change(which, "name", DEFAULTS.name)])];
}

function Tied({ id, label, hint, problem, tie, choices, value, change }) {
  const found = tie && !tie.by_hand ? t("camera.found", { name: tie.name }) : t("camera.found_nothing");
  const groups = [[t(`camera.likely_${id}`), choices.filter((one) => one.likely)], [t("camera.others"), choices.filter((one) => !one.likely)]];
  const isStrange = value && !choices.some((one) => one.entity === value);
  return html`<${Field} id=${`set-${id}`} label=${label} hint=${hint} problem=${problem}>${(more) => html`<select ...${more} value=${value} onChange=${({ target }) => change(target.value)}>
    <option value="" selected=${value === ""}>${found}</option>
    ${isStrange && html`<option value=${value} selected>${value}</option>`}
    ${groups.map(([name, ones]) => ones.length > 0 && html`<optgroup label=${name}>${ones.map((one) => html`<option value=${one.entity} selected=${one.entity === value}>${one.name} (${one.entity})</option>`)}</optgroup>`)}
  </select>`}<//>`;
}

function Choice({ id, label, hint, problem, value, choices, words, change }) {
  return html`<${Field} id=${`set-${id}`} label=${label} hint=${hint} problem=${problem}>${(more) => html`<select ...${more} onChange=${({ target }) => change(target.value)}>${choices.map((one) => html`<option value=${one} selected=${one === value}>${words(one)}</option>`)}</select>`}<//>`;
}

function Remove({ camera, table, done }) {
  const [asks, setAsks] = useState(false);
  const [failure, setFailure] = useState(null);
  const own = Boolean(table.id);
  const remove = async () => {
    try {
      await act("PUT", "settings", { changes: [{ camera: table, remove: true }] });
      kept.delete(camera.endpoint_id);
      own ? go("cameras") : done();
    } catch (error) {
      setFailure(error.message);
    }
    setAsks(false);
  };
  const what = own ? "camera.remove" : "camera.reset";
  return html`<div class="buttons remove">
    ${!asks && html`<button type="button" id="remove" onClick=${() => setAsks(true)}>${t(what)}</button>`}
    ${asks && html`<span>${t(`${what}_sure`)}</span><button type="button" class="stop" id="remove-sure" onClick=${remove}>${t(what)}</button><button type="button" onClick=${() => setAsks(false)}>${t("cameras.cancel")}</button>`}
    ${failure && html`<p class="error" role="alert">${failure}</p>`}
  </div>`;
}

export function CameraSettings({ camera }) {
  const [settings, setSettings] = useState(null);
  const [choices, setChoices] = useState(none);
  const [draft, setDraft] = useDraft(camera.endpoint_id);
  const [state, setState] = useState({});
  const { details } = camera;
  const { table } = details;
  const ofHub = details.entities.length > 0 || Boolean(table?.entity);

  const read = () => get("settings").then(setSettings, (error) => setState({ error: error.message }));
  useEffect(() => {
    read();
    get("hub/entities").then(setChoices, () => setChoices(none));
  }, []);
  const title = html`<h2 id="settings-title">${t("camera.settings")}</h2>`;
  if (!settings) {
    return html`<section class="card" aria-labelledby="settings-title" id="settings">${title}
      ${state.error ? html`<p class="error" role="alert">${t("camera.no_settings", { why: state.error })}</p>` : html`<p class="soft waiting"><span class="spinner" aria-hidden="true"></span>${t("app.loading")}</p>`}</section>`;
  }

  const saved = settingsOf(settings, table);
  const value = (key) => draft[key] ?? saved[key] ?? DEFAULTS[key];
  // What is as it was saved is no change.
  const change = (key) => (to) => {
    setState({});
    setDraft(({ [key]: _, ...others }) => (to === (saved[key] ?? DEFAULTS[key]) ? others : { ...others, [key]: to }));
  };
  const { problems = {} } = state;
  const given = (key) => ({ value: value(key), change: change(key), problem: problems[key] });
  const changed = Object.keys(draft).length > 0;
  const entity = draft.entity ?? table?.entity ?? firstEntity(camera);

  const save = async (event) => {
    event.preventDefault();
    const moves = draft.entity && table && draft.entity !== table.entity;
    if (moves && draft.source === undefined && saved.source?.includes(MASK)) {
      return setState({ error: t("camera.not_saved"), problems: { source: t("camera.source_anew") } });
    }
    setState({ busy: true });
    try {
      await act("PUT", "settings", { changes: changesFor(table, camera, draft, saved) });
      await read();
      setDraft({});
      setState({ saved: true });
    } catch (error) {
      setState(problemsOf(error));
    }
  };
  const reset = () => read().then(() => (setDraft({}), setState({ saved: true })));
  const auto = (key) => (one) => t(`camera.${key}_${one}`);
  return html`<form class="card" aria-labelledby="settings-title" id="settings" onSubmit=${save}>${title}
    ${!settings.editable && html`<p class="notice">${t("camera.not_editable", { why: settings.why_not ?? "" })}</p>`}
    <fieldset disabled=${!settings.editable || state.busy}>
      <${Tick} id="set-alexa" label=${t("camera.alexa")} hint=${t("camera.alexa_hint")} problem=${problems.alexa} checked=${value("alexa")} change=${change("alexa")} />
      <${Field} id="set-name" label=${t("cameras.name")} hint=${details.hub_name != null && t("camera.hub_name", { name: details.hub_name })} problem=${problems.name}>${(more) => html`<input ...${more} value=${value("name")} maxlength="128" dir="auto" placeholder=${details.hub_name ?? camera.name} onInput=${({ target }) => change("name")(target.value)} />`}<//>
      <${Choice} id="kind" label=${t("cameras.kind")} ...${given("kind")} choices=${["", "camera", "doorbell"]} words=${(one) => (one ? t(`cameras.${one}`) : t("camera.kind_auto"))} />
      ${details.entities.length > 1 && html`<${Choice} id="entity" label=${t("camera.entity")} hint=${t("camera.entity_hint")} problem=${problems.entity} value=${entity} change=${(to) => setDraft((before) => ({ ...before, entity: to }))} choices=${details.entities.map((one) => one.entity)} words=${(one) => `${details.entities.find((other) => other.entity === one).name} (${one})`} />`}
      ${ofHub && !details.entities.length && html`<${Choice} id="entity" label=${t("camera.entity")} hint=${t("camera.entity_missing")} problem=${problems.entity} value=${entity} change=${(to) => setDraft((before) => ({ ...before, entity: to }))} choices=${[entity, ...choices.cameras.map((one) => one.entity).filter((one) => one !== entity)]} words=${(one) => one} />`}
      <${Field} id="set-source" label=${t("cameras.address")} hint=${t(ofHub ? "camera.source_hub_hint" : "cameras.address_hint")} problem=${problems.source}>${(more) => html`<input ...${more} value=${value("source")} autocapitalize="off" autocomplete="off" spellcheck="false" placeholder=${ofHub ? t("camera.source_none") : "rtsp://…"} onInput=${({ target }) => change("source")(target.value)} />`}<//>
      <${Choice} id="prefer" label=${t("camera.prefer")} hint=${t("camera.prefer_hint")} ...${given("prefer")} choices=${ofHub ? OF_HUB : ["auto", "source"]} words=${auto("prefer")} />
      <${Choice} id="talk" label=${t("camera.talk")} ...${given("talk")} choices=${ofHub ? ["auto", "rtsp", "relay", "none"] : ["auto", "rtsp", "none"]} words=${auto("talk")} />
      <${Choice} id="echo_cancel" label=${t("camera.echo_cancel")} ...${given("echo_cancel")} choices=${["auto", "on", "off"]} words=${auto("echo_cancel")} />
      <${Tick} id="set-warm" label=${t("camera.warm")} hint=${t("camera.warm_hint")} problem=${problems.warm} checked=${value("warm")} change=${change("warm")} />
      ${ofHub && html`<${Tick} id="set-stream" label=${t("camera.stream")} hint=${t("camera.stream_hint")} problem=${problems.stream} checked=${value("stream")} change=${change("stream")} />`}
      <${Tied} id="bell" label=${t("camera.bell")} hint=${t("camera.bell_hint")} tie=${details.bell} choices=${choices.bells} ...${given("bell")} />
      <${Tied} id="motion" label=${t("camera.motion")} hint=${t("camera.motion_hint")} tie=${details.motion} choices=${choices.motions} ...${given("motion")} />
      <div class="buttons save">
        <button class="primary" id="save" disabled=${!changed}>${t("cameras.save")}</button>
        ${changed && html`<button type="button" onClick=${() => (setDraft({}), setState({}))}>${t("camera.undo")}</button><span class="soft">${t("camera.unsaved")}</span>`}
      </div>
    </fieldset>
    <div role="status">${state.busy && html`<p class="soft">${t("camera.saving")}</p>`}${state.saved && html`<p class="well" id="saved">${t("camera.saved")}</p>`}</div>
    ${state.error && html`<p class="error" role="alert">${state.error}</p>`}
    ${table && settings.editable && html`<${Remove} camera=${camera} table=${table} done=${reset} />`}
  </form>`;
}
