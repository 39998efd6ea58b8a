// A button that plays a tone at the door, and says what became of it.
import { html, useState } from "../../vendor/preact-htm.js";
import { act } from "../api.js";
import { t } from "../text.js";
import { plain, Tail } from "./reason.js";
import { words } from "./words.js";

export function Speaker({ camera }) {
  const [busy, setBusy] = useState(false);
  const [last, setLast] = useState({});
  const test = async () => {
    setBusy(true);
    setLast({});
    const path = `cameras/${encodeURIComponent(camera.endpoint_id)}/speaker`;
    setLast(await act("POST", path).catch((error) => ({ error: error.message })));
    setBusy(false);
  };
  const says = last.says && words("speaker", last.says);
  return html`<div class="buttons">
      <button disabled=${busy || !camera.on} aria-label=${t("camera.test_speaker_which", { name: camera.name })} onClick=${test}>${t("camera.test_speaker")}</button>
    </div>
    <div role="status">${busy && html`<p class="soft waiting"><span class="spinner" aria-hidden="true"></span><span>${t("camera.testing_speaker")}</span></p>`}</div>
    ${last.error && html`<p class="error" role="alert">${last.error}</p>`}
    ${last.says && html`<p class=${last.says.code === "heard" ? "well" : "notice"}>${plain(says)}</p><${Tail} text=${says} />`}`;
}
