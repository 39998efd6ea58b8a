// A button that plays a tone at the door, and says what became of it.
import { html, useState } from "../../vendor/preact-htm.js";
import { act } from "../api.js";
import { t } from "../text.js";

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
  return html`<div class="buttons">
      <button disabled=${busy || !camera.on} aria-label=${t("cameras.test_speaker_which", { name: camera.name })} onClick=${test}>${t("cameras.test_speaker")}</button>
      ${busy && html`<span class="soft" role="status">${t("cameras.testing_speaker")}</span>`}
    </div>
    ${last.error && html`<p class="error" role="alert">${last.error}</p>`}
    ${last.says && html`<p class=${last.played ? "soft" : "notice"}>${last.says}</p>`}`;
}
