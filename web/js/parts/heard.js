// What the house heard of its cameras: rings, motion, what came and went.
import { html, useState } from "../../vendor/preact-htm.js";
import { t, time } from "../text.js";

const SHOWN = 8;
const SIGNS = { rang: "♪", motion_began: "◉", motion_ended: "○", camera_away: "✕", camera_back: "✓", switched_off: "◌", switched_on: "●", hub_away: "✕", hub_back: "✓", started: "▸", restarted: "↻" };

export function Heard({ activity }) {
  const [all, setAll] = useState(false);
  const shown = all ? activity : activity.slice(0, SHOWN);
  return html`<section class="card" aria-labelledby="heard-title" id="heard">
    <h2 id="heard-title">${t("activity.heard")}</h2>
    ${!activity.length && html`<p class="soft">${t("activity.nothing_heard")}</p>`}
    <ul class="heard">${shown.map(
      ({ at, what, endpoint_id: id, camera }) => html`<li key=${`${at} ${what} ${id}`} data-what=${what}>
        <span class="sign" aria-hidden="true">${SIGNS[what]}</span>
        <span>${t(`activity.what_${what}`)}${camera || id ? `: ${camera || id}` : ""}</span>
        <span class="soft">${time(at)}</span>
      </li>`,
    )}</ul>
    ${activity.length > SHOWN && !all && html`<div class="buttons"><button onClick=${() => setAll(true)}>${t("activity.show_all")}</button></div>`}
  </section>`;
}
