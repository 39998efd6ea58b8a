// The settings, as far as a user may change them: shown by section, saved together, with a restart where one is needed.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { act, get } from "../api.js";
import { Restart } from "../parts/restart.js";
import { Setting, nameOf } from "../parts/setting.js";
import { to } from "../route.js";
import { t } from "../text.js";

// What was not saved yet, by key. It outlives a look at another page.
let kept = {};
const hasKept = () => Object.keys(kept).length > 0;

addEventListener("beforeunload", (event) => hasKept() && event.preventDefault());

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const sectionOf = ({ key }) => key.split(".")[0];
const isOf = (key) => (problem) => problem.key.startsWith(key) && /^($|[.[])/.test(problem.key.slice(key.length));

// What a key would be after saving: the change, the default where it is taken away, else what it is.
function shown(one, draft) {
  if (!(one.key in draft)) return one.value;
  return draft[one.key] === null ? one.default : draft[one.key];
}

function Problems({ problems, keys }) {
  const elsewhere = problems.filter((problem) => !keys.some(({ key }) => isOf(key)(problem)));
  return elsewhere.map(
    ({ key, text }) => html`<p class="error card">${key && html`<code>${key}</code> `}${text}
      ${key.startsWith("camera") && html` <a href=${to("cameras")}>${t("settings.see_cameras")}</a>`}</p>`,
  );
}

function SaveBar({ draft, keys, busy, failure, save, discard }) {
  const changed = keys.filter(({ key }) => key in draft);
  const waits = changed.some((one) => one.needs_restart);
  return html`<section class="card save-bar" aria-label=${t("settings.unsaved")}>
    <p role="status">${t(changed.length === 1 ? "settings.changed_one" : "settings.changed", { n: changed.length })}<span class="which">: ${changed.map(({ key }, index) => html`${index > 0 && ", "}${t(nameOf(key))}`)}</span>.
      ${" "}${t(waits ? "settings.then_restart" : "settings.holds_at_once")}</p>
    ${failure && html`<p class="error" role="alert">${failure}</p>`}
    <div class="buttons">
      <button id="save" class="primary" disabled=${busy} onClick=${save}>${t(busy ? "settings.saving" : "settings.save")}</button>
      <button disabled=${busy} onClick=${discard}>${t("settings.discard")}</button>
    </div>
  </section>`;
}

export function Settings({ house }) {
  const [known, setKnown] = useState(null);
  const [draft, setDraft] = useState(kept);
  const [refused, setRefused] = useState([]);
  const [state, setState] = useState({ busy: false, failure: null, saved: false });
  const look = () => get("settings").then(setKnown, ({ message }) => setState((state) => ({ ...state, failure: message })));
  // Somebody else may have saved, or the house is another one now.
  useEffect(() => void (house.away || look()), [house.status.settings, house.away]);
  const redraft = (next) => setDraft((kept = next));

  const set = (one, value) => {
    const { [one.key]: _, ...others } = kept;
    const isAsBefore = value === undefined || (one.kind !== "secret" && (same(value, one.value) || (value === null && !one.set)));
    redraft(isAsBefore ? others : { ...others, [one.key]: value });
    setRefused((refused) => refused.filter((problem) => !isOf(one.key)(problem)));
    setState({ busy: false, failure: null, saved: false });
  };
  const save = async () => {
    setState({ busy: true, failure: null, saved: false });
    try {
      await act("PUT", "settings", { changes: Object.entries(draft).map(([key, value]) => ({ key, value })) });
      redraft({});
      setRefused([]);
      setState({ busy: false, failure: null, saved: true });
      await look();
    } catch (error) {
      const problems = error.problems ?? [];
      setRefused(problems);
      setState({ busy: false, failure: problems.length ? t("settings.refused") : error.message, saved: false });
    }
  };
  useEffect(() => document.querySelector("main [aria-invalid=true]")?.focus(), [refused]);

  if (!known) {
    return html`<h1 tabindex="-1">${t("settings.title")}</h1>
      ${state.failure ? html`<p class="error card" role="alert">${state.failure}</p>` : html`<p class="loading" role="status">${t("settings.loading")}</p>`}`;
  }
  const isAdmin = house.me == null || house.me.admin === true;
  const mayChange = isAdmin && known.editable;
  const problems = [...refused, ...known.problems.filter(({ key }) => !(key in draft))];
  const sections = [...new Set(known.keys.map(sectionOf))];
  return html`<h1 tabindex="-1">${t("settings.title")}</h1>
    <p class="soft lies">${t("settings.file")} <code>${known.file}</code></p>
    ${!isAdmin && html`<p class="notice card">${t("settings.no_admin")}</p>`}
    ${!known.editable && html`<p class="notice card">${t("settings.not_editable")} ${known.why_not}.</p>`}
    <div role="status">${state.saved && html`<p class="well card" id="saved">${t("settings.saved")}</p>`}</div>
    <${Restart} house=${house} waiting=${known.restart} may=${isAdmin} />
    <${Problems} problems=${problems} keys=${known.keys} />
    ${sections.map(
      (section) => html`<section key=${section} class="card settings" aria-labelledby=${`section-${section}`}>
        <h2 id=${`section-${section}`}>${t(`settings.section_${section}`)}</h2>
        ${known.keys.filter((one) => sectionOf(one) === section).map(
          (one) => html`<${Setting} key=${one.key} one=${one} value=${shown(one, draft)} draft=${draft[one.key]} isChanged=${one.key in draft}
            problems=${problems.filter(isOf(one.key))} may=${mayChange && !one.fixed} set=${(value) => set(one, value)} />`,
        )}
      </section>`,
    )}
    <p class="soft card">${t("settings.of_cameras")} <a href=${to("cameras")}>${t("settings.see_cameras")}</a></p>
    ${mayChange && Object.keys(draft).length > 0 && html`<${SaveBar} draft=${draft} keys=${known.keys} busy=${state.busy} failure=${state.failure} save=${save} discard=${() => (redraft({}), setRefused([]))} />`}`;
}
