// A camera's last picture, where there is one. Looked for again once in a while, while somebody looks here.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

// What is shown already costs little; a closed camera may run on a battery.
const SHOWN_MS = 30000;
const CLOSED_MS = 300000;

export function Still({ camera }) {
  const [turn, setTurn] = useState(0);
  const [seen, setSeen] = useState(null);
  const shown = camera.live?.picture ?? false;
  const known = camera.on && (camera.still ?? (shown || camera.details.entities.length > 0));
  const was = useRef(shown);
  useEffect(() => {
    const again = () => setTurn((before) => before + 1);
    // Whoever was shown leaves a newer one.
    if (was.current !== shown) again();
    was.current = shown;
    const timer = setInterval(() => !document.hidden && again(), shown ? SHOWN_MS : CLOSED_MS);
    return () => clearInterval(timer);
  }, [shown]);
  const source = `api/v1/cameras/${encodeURIComponent(camera.endpoint_id)}/still?turn=${turn}`;
  return html`<div class="still" data-still=${seen === true}>
    ${known && html`<img src=${source} alt=${t("cameras.still", { name: camera.name })} hidden=${seen !== true} onLoad=${() => setSeen(true)} onError=${() => setSeen(false)} />`}
    ${seen !== true && html`<p class="soft">${t(!camera.on ? "cameras.still_off" : known && seen === null ? "cameras.still_coming" : "cameras.no_still")}</p>`}
  </div>`;
}
