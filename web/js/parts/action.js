// A button that does one thing at the house, and says why if it failed.
import { html, useState } from "../../vendor/preact-htm.js";
import { act } from "../api.js";

export function Action({ method = "POST", path, content, label, name }) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const press = async () => {
    setBusy(true);
    setFailure(null);
    await act(method, path, content).catch((error) => setFailure(error.message));
    setBusy(false);
  };
  return html`<button disabled=${busy} aria-label=${name} onClick=${press}>${label}</button>
    ${failure && html`<span class="error" role="alert">${failure}</span>`}`;
}
