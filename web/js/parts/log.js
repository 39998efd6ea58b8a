// The last lines of the log, followed while they are looked at.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { t, time } from "../text.js";
import { copy } from "./copy.js";

// The worst first: each shows those before it as well.
const LEVELS = ["ERROR", "WARN", "INFO", "DEBUG"];
const LOOK_MS = 1000;
const KEPT = 2000;
const SHOWN = 400;

// A line by which it is known again: a house that started anew counts from 1.
const keyOf = ({ at, n }) => `${at} ${n}`;

function useLines(follows, away) {
  const [told, setTold] = useState({ lines: [] });
  const last = useRef(0);
  // What comes back may be another house: all that it has is asked for, and what is known already left out.
  useEffect(() => void (last.current = 0), [away]);
  useEffect(() => {
    let timer;
    let over = false;
    const look = async () => {
      try {
        if (!document.hidden) {
          const { lines } = await get(`logs?after=${last.current}`);
          if (over) return;
          last.current = lines.at(-1)?.n ?? last.current;
          setTold((before) => ({ read: true, lines: lines.length ? added(before.lines, lines) : before.lines }));
        } else {
          last.current = 0;
        }
      } catch (error) {
        if (!over) setTold((before) => ({ ...before, error }));
      }
      if (!over && (follows || !last.current)) timer = setTimeout(look, LOOK_MS);
    };
    look();
    return () => ((over = true), clearTimeout(timer));
  }, [follows]);
  return told;
}

function added(before, lines) {
  const known = new Set(before.map(keyOf));
  return [...before, ...lines.filter((line) => !known.has(keyOf(line)))].slice(-KEPT);
}

function Line({ line }) {
  return html`<li data-level=${line.level}><time datetime=${line.at}>${time(line.at)}</time> <b>${line.level}</b> ${line.text}</li>`;
}

export function Log({ away }) {
  const [level, setLevel] = useState("INFO");
  const [follows, setFollows] = useState(true);
  const [copied, setCopied] = useState("");
  const { read, lines, error } = useLines(follows, away);
  const list = useRef(null);
  const fits = lines.filter((line) => !LEVELS.includes(line.level) ? level === "DEBUG" : LEVELS.indexOf(line.level) <= LEVELS.indexOf(level));
  const shown = fits.slice(-SHOWN);
  useEffect(() => {
    if (follows && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [shown.at(-1) && keyOf(shown.at(-1)), follows, level]);
  const press = async () => {
    const text = fits.map((line) => `${line.at} ${line.level} ${line.text}`).join("\n");
    setCopied(t((await copy(text, list.current)) ? "copy.copied" : "copy.selected"));
    setTimeout(() => setCopied(""), 4000);
  };
  return html`<section class="card" aria-labelledby="log-title" aria-busy=${!read && !error}>
    <h2 id="log-title">${t("diagnostics.log")}</h2>
    <div class="choices">
      <label>${t("diagnostics.level")} <select id="level" value=${level} onChange=${({ target }) => setLevel(target.value)}>${LEVELS.map((one) => html`<option value=${one}>${t(`diagnostics.level_${one}`)}</option>`)}</select></label>
      <label><input type="checkbox" id="follow" checked=${follows} onChange=${({ target }) => setFollows(target.checked)} /> ${t("diagnostics.follow")}</label>
      <button onClick=${press} disabled=${!fits.length}>${t("diagnostics.copy")}</button>
      <span role="status" class="soft">${copied}</span>
    </div>
    ${error && html`<p class="error" role="alert">${error.message}</p>`}
    ${shown.length
      ? html`<ol class="log" id="log" ref=${list} tabindex="0" aria-label=${t("diagnostics.log")}>${shown.map((line) => html`<${Line} key=${keyOf(line)} line=${line} />`)}</ol>`
      : html`<p class="soft" role="status">${t(read ? "diagnostics.no_lines" : "app.loading")}</p>`}
  </section>`;
}
