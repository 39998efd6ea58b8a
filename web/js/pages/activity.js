// What happened, and what goes on.
import { html } from "../../vendor/preact-htm.js";
import { Calls } from "../parts/calls.js";
import { Events } from "../parts/events.js";
import { People } from "../parts/people.js";
import { t } from "../text.js";

export function Activity({ house: { status, cameras, calls } }) {
  return html`<h1 tabindex="-1">${t("app.page_activity")}</h1>
    <section class="card" aria-labelledby="calls-title"><h2 id="calls-title">${t("calls.calls")}</h2><${Calls} calls=${calls} /></section>
    <${Events} events=${status.events} cameras=${cameras} />
    ${status.hub.state !== "none" && html`<${People} links=${status.links} linking=${status.linking} />`}`;
}
