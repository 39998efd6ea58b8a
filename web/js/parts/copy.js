// A value that has to be typed elsewhere, with a button that copies it.
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

const SAID_MS = 4000;

// Browsers give the clipboard to secure pages only; the old way needs a selection, which stays if that fails, too.
export async function copy(value, shown) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    getSelection().selectAllChildren(shown);
    return document.execCommand("copy");
  }
}

export function Copy({ what, value }) {
  const [said, setSaid] = useState("");
  const shown = useRef(null);
  useEffect(() => {
    const timer = said && setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const press = async () => setSaid(t((await copy(value, shown.current)) ? "copy.copied" : "copy.selected"));
  return html`<span class="copy">
    <code ref=${shown}>${value}</code>
    <button aria-label=${t("copy.copy_what", { what })} onClick=${press}>${t("copy.copy")}</button>
    <span role="status" class="soft">${said}</span>
  </span>`;
}
