// Who may speak at the door: the hub's users that are linked.
import { html } from "../../vendor/preact-htm.js";
import { Action } from "./action.js";
import { mayChange } from "./calls.js";
import { date, t } from "../text.js";

function linking({ open, seconds_left: left }) {
  if (left != null) return t("people.linking_left", { n: Math.ceil(left / 60) });
  return t(open ? "people.linking_first" : "people.linking_closed");
}

export function People({ links, linking: state, me }) {
  return html`<section class="card" aria-labelledby="people-title" id="people">
    <h2 id="people-title">${t("people.people")}</h2>
    ${!links.length && html`<p class="soft">${t("people.none")}</p>`}
    <ul class="plain">${links.map(
      (link) => html`<li key=${link.user_id} class="person">
        <div><h3>${link.name || link.user_id}</h3><p class="soft">${t("people.linked_at", { at: date(link.linked_at) })}</p></div>
        ${mayChange(me) && html`<${Action} method="DELETE" path=${`links/${encodeURIComponent(link.user_id)}`} label=${t("people.revoke")} name=${t("people.revoke_whom", { name: link.name || link.user_id })} />`}
      </li>`,
    )}</ul>
    <p class="soft" role="status">${linking(state)}</p>
    ${mayChange(me) ? html`<div class="buttons"><${Action} path="links/open" label=${t("people.open_linking")} /></div>` : html`<p class="soft">${t("people.read_only")}</p>`}
  </section>`;
}
