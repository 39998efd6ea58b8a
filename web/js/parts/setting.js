// One key of the settings: what it is, its control, and what is wrong with it.
import { html, useState } from "../../vendor/preact-htm.js";
import { has, t } from "../text.js";

const idOf = (key) => `set-${key.replace(".", "-")}`;
export const nameOf = (key) => `settings.${key.replace(".", "_")}`;

// Where a value comes from that cannot be changed here.
function from(origin) {
  return origin.environment ? t("settings.origin_environment", { name: origin.environment }) : t(`settings.origin_${origin}`);
}

function choiceName(key, choice) {
  const name = `${nameOf(key)}_${choice}`;
  return has(name) ? t(name) : choice;
}

// An address that is empty means something of its own there.
const EMPTY_MEANS = { "door.listen": "" };

// What is given here or in the file; a default stands behind the empty field, so that it can be emptied.
const given = ({ one, draft, isChanged }) => (isChanged ? draft : one.set || one.key in EMPTY_MEANS ? one.value : null);

// What is typed stands as long as it means what the key is: a default that is typed out is none of its own.
function useTyped({ one, value, draft, isChanged, set }, read) {
  const [text, setText] = useState(null);
  const own = given({ one, draft, isChanged });
  const stands = text !== null && (text === "" ? own === null : read(text) === value);
  const take = ({ target }) => {
    setText(target.value);
    set(target.value === "" ? EMPTY_MEANS[one.key] ?? null : read(target.value));
  };
  return [stands ? text : own ?? "", take];
}

function Line({ field, ...known }) {
  const { one } = known;
  const [text, take] = useTyped(known, String);
  return html`<input type="text" ...${field} value=${text} placeholder=${one.default ?? ""} spellcheck="false" autocapitalize="off" autocomplete="off" onInput=${take} />`;
}

function Number_({ field, ...known }) {
  const { one } = known;
  const [text, take] = useTyped(known, Number);
  return html`<input type="number" ...${field} value=${text} placeholder=${one.default} onInput=${take} />`;
}

function Choice({ one, value, set, field }) {
  return html`<select ...${field} value=${value} onChange=${({ target }) => set(target.value)}>
    ${one.choices.map((choice) => html`<option value=${choice}>${choiceName(one.key, choice)}</option>`)}
  </select>`;
}

// The text is kept as it is typed: a line that is not complete yet is no entry, and must not vanish.
function Lines({ value, set, field }) {
  const entries = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
  const [text, setText] = useState((value ?? []).join("\n"));
  const is = entries(text).join("\n") === (value ?? []).join("\n") ? text : (value ?? []).join("\n");
  const take = ({ target }) => {
    setText(target.value);
    const lines = entries(target.value);
    set(lines.length ? lines : null);
  };
  return html`<textarea ...${field} rows="3" spellcheck="false" autocapitalize="off" value=${is} onInput=${take}></textarea>`;
}

// What is secret is never shown: it can be replaced, or taken away.
function Secret({ one, draft, isChanged, set, field }) {
  const [open, setOpen] = useState(false);
  if (isChanged && draft === null) return html`<p class="state">${t("settings.secret_goes")}</p>`;
  if (!open && !isChanged) {
    return html`<div class="buttons state"><span>${t(one.set ? "settings.secret_set" : "settings.secret_none")}</span>
      <button id=${field.id} aria-describedby=${field["aria-describedby"]} disabled=${field.disabled} aria-label=${t(one.set ? "settings.replace_which" : "settings.give_which", { name: t(nameOf(one.key)) })} onClick=${() => setOpen(true)}>${t(one.set ? "settings.replace" : "settings.give")}</button>
      ${one.set && html`<button disabled=${field.disabled} aria-label=${t("settings.remove_which", { name: t(nameOf(one.key)) })} onClick=${() => set(null)}>${t("settings.remove")}</button>`}
    </div>`;
  }
  const close = () => (setOpen(false), set(undefined));
  return html`<input type="password" ...${field} value=${draft ?? ""} autocomplete="new-password" onInput=${({ target }) => set(target.value === "" ? undefined : target.value)} />
    <div class="buttons"><button onClick=${close}>${t("settings.leave")}</button></div>`;
}

const SERVER = ["url", "username", "password"];

// TURN servers; a password that was given before is not shown, and stays unless another is typed.
function Servers({ one, value, set, field }) {
  const servers = value ?? [];
  const tell = (next) => set(next.length ? next : null);
  const change = (index, part, text) => tell(servers.map((server, at) => (at === index ? { ...server, [part]: text } : server)));
  const known = (server) => (one.value ?? []).some(({ url, username }) => url === server.url && username === server.username);
  return html`<ul class="plain" id=${field.id} tabindex="-1" aria-invalid=${field["aria-invalid"]}>${servers.map(
      (server, index) => html`<li key=${index} class="server">
        ${SERVER.map(
          (part) => html`<label>${t(`settings.turn_${part}`)}
            <input type=${part === "password" ? "password" : "text"} value=${server[part] ?? ""} disabled=${field.disabled} autocomplete=${part === "password" ? "new-password" : "off"} spellcheck="false" autocapitalize="off"
              placeholder=${part === "password" && known(server) ? t("settings.secret_set") : ""} onInput=${({ target }) => change(index, part, target.value || undefined)} /></label>`,
        )}
        <button disabled=${field.disabled} onClick=${() => tell(servers.filter((_, at) => at !== index))}>${t("settings.remove_server", { n: index + 1 })}</button>
      </li>`,
    )}</ul>
    <div class="buttons"><button disabled=${field.disabled} onClick=${() => tell([...servers, {}])}>${t("settings.add_server")}</button></div>`;
}

const CONTROLS = { text: Line, number: Number_, choice: Choice, list: Lines, secret: Secret };

export function Setting({ one, value, draft, isChanged, problems, may, set }) {
  const id = idOf(one.key);
  const hint = `${nameOf(one.key)}_hint`;
  const described = [`${id}-hint`, problems.length && `${id}-error`].filter(Boolean).join(" ");
  const field = { id, disabled: !may, "aria-invalid": problems.length ? "true" : null, "aria-describedby": described };
  const label = html`<label for=${id}>${t(nameOf(one.key))}</label>`;
  const Control = one.key === "webrtc.turn" ? Servers : CONTROLS[one.kind];
  const canReset = may && one.kind !== "secret" && (isChanged ? draft !== null : one.set);
  return html`<div class="field">
    ${one.kind === "toggle"
      ? html`<div class="toggle"><input type="checkbox" ...${field} checked=${value} onChange=${({ target }) => set(target.checked)} />${label}</div>`
      : html`${label}<${Control} one=${one} value=${value} draft=${draft} isChanged=${isChanged} set=${set} field=${field} />`}
    <p class="hint soft" id=${`${id}-hint`}>
      ${has(hint) && `${t(hint)} `}${one.fixed && `${from(one.origin)} `}${isChanged && html`<strong>${t("settings.not_saved")}</strong> `}<code>${one.key}</code>
      ${(isChanged || canReset) && html`<span class="small-buttons">
        ${isChanged && html`<button onClick=${() => set(one.kind === "secret" ? undefined : one.value)}>${t("settings.undo")}</button>`}
        ${canReset && html`<button aria-label=${t("settings.reset_which", { name: t(nameOf(one.key)) })} onClick=${() => set(null)}>${t("settings.reset")}</button>`}
      </span>`}
    </p>
    ${problems.length > 0 && html`<p class="error" id=${`${id}-error`}>${problems.map(({ key, text }) => html`<span>${key !== one.key && html`<code>${key}</code> `}${text}</span> `)}</p>`}
  </div>`;
}
