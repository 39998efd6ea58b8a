// What happened, and what goes on.
import { html } from "../../vendor/preact-htm.js";
import { GoingOn, History } from "../parts/calls.js";
import { Events } from "../parts/events.js";
import { Heard } from "../parts/heard.js";
import { People } from "../parts/people.js";
import { t } from "../text.js";

export function Activity({ house: { status, cameras, calls, activity, me } }) {
  return html`<h1 tabindex="-1">${t("app.page_activity")}</h1>
    <${GoingOn} calls=${calls} me=${me} />
    <${History} calls=${calls} />
    <${Heard} activity=${activity ?? []} />
    <${Events} events=${status.events} cameras=${cameras} />
    ${status.hub.state !== "none" && html`<${People} links=${status.links} linking=${status.linking} me=${me} />`}`;
}
