// Which cameras are fit for a call, and a look at those of which it is not known.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { lines } from "../api.js";
import { to } from "../route.js";
import { date, t } from "../text.js";
import { plain, Tail } from "./reason.js";
import { Waiting } from "./waiting.js";
import { words } from "./words.js";

function Camera({ camera }) {
  const says = camera.says && (camera.code === "unfit" ? words("probe", camera.says) : camera.says);
  return html`<li data-camera=${camera.id} data-code=${camera.code}>
    <a href=${to("cameras", camera.id)}>${camera.name}</a>: <span class=${camera.state === "done" ? "well" : camera.state === "todo" ? "notice" : "soft"}>${t(`set_up.camera_${camera.code}`, { at: camera.at && date(camera.at) })}</span>
    ${camera.state === "todo" && says && html`<p class="soft hint">${plain(says)}</p><${Tail} text=${says} />`}
  </li>`;
}

export function Fit({ line: { values } }) {
  const [step, setStep] = useState(null);
  const [failure, setFailure] = useState(null);
  const here = useRef(true);
  useEffect(() => () => (here.current = false), []);
  const shared = values.cameras.filter(({ state }) => state !== "optional");
  const open = shared.filter(({ state }) => state === "todo");
  // One after the other: some machines have no room for two.
  const look = async () => {
    setFailure(null);
    const wanted = open.length ? open : shared;
    for (const [at, { id, name }] of wanted.entries()) {
      if (!here.current) return;
      const which = t("set_up.looking", { name, n: at + 1, of: wanted.length });
      setStep(which);
      const take = (line) => (line.error ? setFailure(`${name}: ${line.error}`) : line.progress && setStep(`${which} ${plain(words("progress", { ...line, text: line.progress }))}`));
      await lines("probe", { camera: id }, take).catch((error) => setFailure(`${name}: ${error.message}`));
    }
    setStep(null);
  };
  return html`<ul class="fits">${values.cameras.map((camera) => html`<${Camera} key=${camera.id} camera=${camera} />`)}</ul>
    ${shared.length > 0 && html`<div class="buttons">
      <button class=${open.length ? "primary" : null} disabled=${step != null} onClick=${look}>${t(open.length ? "set_up.look" : "set_up.look_again")}</button>
      <${Waiting} text=${step} />
    </div>`}
    ${failure && html`<p class="error" role="alert">${plain(failure)}</p><${Tail} text=${failure} />`}`;
}
