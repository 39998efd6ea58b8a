// A restart of the house: what waits for it, and how it goes.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { restart } from "../house.js";
import { has, t } from "../text.js";
import { nameOf } from "./setting.js";

// A house that is back sooner than its stream was seen to break is not waited for any longer.
const LONGEST_MS = 20000;

export function Restart({ house, waiting, may }) {
  const [phase, setPhase] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    if (phase === "asked" && house.away) setPhase("away");
    if (phase === "away" && !house.away) setPhase("back");
  }, [phase, house.away]);
  useEffect(() => {
    if (phase !== "asked") return undefined;
    const timer = setTimeout(() => setPhase("back"), LONGEST_MS);
    return () => clearTimeout(timer);
  }, [phase]);
  const press = async () => {
    setFailure(null);
    setPhase("asked");
    await restart().catch(({ message }) => (setPhase(null), setFailure(message)));
  };
  const goes = phase === "asked" || phase === "away";
  const ongoing = house.calls.filter((call) => !call.ended).length;
  return html`<div role="status">
      ${goes && html`<p class="card waiting" id="restarting"><span class="spinner" aria-hidden="true"></span>${t("settings.restarting")}</p>`}
      ${phase === "back" && html`<p class="well card" id="restarted">${t("settings.restarted")}</p>`}
    </div>
    ${goes && waiting.includes("ui.listen") && html`<p class="notice card">${t("settings.moves")}</p>`}
    ${!goes && waiting.length > 0 && html`<section class="notice card" id="waiting">
      <p>${t("settings.waiting")} ${waiting.map((key, index) => html`${index > 0 && ", "}${has(nameOf(key)) && `${t(nameOf(key))} `}<code>${key}</code>`)}.
        ${" "}${t(ongoing ? "settings.calls_end" : "settings.short", { n: ongoing })}</p>
      ${failure && html`<p class="error" role="alert">${failure}</p>`}
      ${may && html`<div class="buttons"><button id="restart" class="primary" onClick=${press}>${t("settings.restart")}</button></div>`}
    </section>`}`;
}
