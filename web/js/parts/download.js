// A button that fetches a file and keeps it where the browser keeps such things.
import { html, useState } from "../../vendor/preact-htm.js";
import { t } from "../text.js";

const KB = 1024;

async function load(path, progress) {
  const response = await fetch(`api/v1/${path}`);
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error ?? `HTTP ${response.status}`);
  const parts = [];
  let bytes = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    progress((bytes += part.value.length));
  }
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"));
  return { content: new Blob(parts, { type: response.headers.get("Content-Type") }), named: named?.[1] };
}

function keep(content, name) {
  const address = URL.createObjectURL(content);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}

const size = (bytes) => t("diagnostics.size", { n: Math.ceil(bytes / KB) });

export function Download({ path, name, label }) {
  const [state, setState] = useState({});
  const press = async () => {
    setState({ bytes: 0 });
    try {
      const { content, named } = await load(path, (bytes) => setState({ bytes }));
      keep(content, named ?? name);
      setState({ done: size(content.size) });
    } catch (error) {
      setState({ error });
    }
  };
  const { bytes, done, error } = state;
  return html`<div class="buttons">
      <button class="primary" disabled=${bytes !== undefined} onClick=${press}>${label}</button>
      <span role="status" class="soft">
        ${bytes !== undefined && html`<span class="waiting"><span class="spinner" aria-hidden="true"></span>${bytes ? size(bytes) : t("diagnostics.gathering")}</span>`}
        ${done && t("diagnostics.done", { size: done })}
      </span>
    </div>
    ${error && html`<p class="error" role="alert">${error.message}</p>`}`;
}
