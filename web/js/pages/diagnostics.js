// What helps to find a fault: a file to be shown to others, versions, and the last lines of the log.
import { html, useEffect, useState } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { Download } from "../parts/download.js";
import { Log } from "../parts/log.js";
import { t } from "../text.js";

const INSIDE = ["versions", "settings", "status", "calls", "log"];
const OUTSIDE = ["tokens", "cameras", "ice", "people", "public"];

function List({ title, keys }) {
  return html`<h3>${t(`diagnostics.${title}`)}</h3>
    <ul>${keys.map((key) => html`<li key=${key}>${t(`diagnostics.${title}_${key}`)}</li>`)}</ul>`;
}

function Versions() {
  const [told, setTold] = useState({});
  useEffect(() => {
    get("versions").then((versions) => setTold({ versions }), (error) => setTold({ error }));
  }, []);
  const { versions, error } = told;
  return html`<section class="card" aria-labelledby="versions-title" aria-busy=${!versions && !error}>
    <h2 id="versions-title">${t("diagnostics.versions")}</h2>
    ${error && html`<p class="error" role="alert">${error.message}</p>`}
    ${!versions && !error && html`<p class="soft" role="status">${t("app.loading")}</p>`}
    ${versions && html`<dl id="versions">${Object.entries(versions).map(([name, version]) => html`<dt>${name}</dt><dd>${version || "–"}</dd>`)}</dl>`}
  </section>`;
}

export function Diagnostics({ house }) {
  return html`<h1 tabindex="-1">${t("app.page_diagnostics")}</h1>
    <section class="card" aria-labelledby="download-title">
      <h2 id="download-title">${t("diagnostics.file")}</h2>
      <p class="soft hint">${t("diagnostics.hint")}</p>
      <div class="inside"><div><${List} title="inside" keys=${INSIDE} /></div><div><${List} title="outside" keys=${OUTSIDE} /></div></div>
      <${Download} path="diagnostics" name="doorstep-diagnostics.json" label=${t("diagnostics.download")} />
    </section>
    <${Log} away=${house.away} />
    <${Versions} />`;
}
