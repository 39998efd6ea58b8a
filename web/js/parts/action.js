// A button that changes one thing at the house, and says why if that failed; for those who may.
import { html, useState } from "../../vendor/preact-htm.js";
import { act } from "../api.js";
import { useHouse } from "../house.js";

export function Action({ method = "POST", path, content, label, name }) {
  const { me } = useHouse();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const press = async () => {
    setBusy(true);
    setFailure(null);
    await act(method, path, content).catch((error) => setFailure(error.message));
    setBusy(false);
  };
  if (!me?.admin) return null;
  return html`<button disabled=${busy} aria-label=${name} onClick=${press}>${label}</button>
    ${failure && html`<span class="error" role="alert">${failure}</span>`}`;
}
