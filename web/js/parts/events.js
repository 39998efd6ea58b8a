// What was sent to Alexa, and what keeps events from it.
import { html } from "../../vendor/preact-htm.js";
import { date, has, t, time } from "../text.js";

const SHOWN = 8;

function standing({ configured, linked, link_again, trouble }) {
  if (!configured) return t("events.not_set_up");
  if (!linked) return t("events.no_grant");
  if (link_again) return t("events.link_again", { why: link_again });
  if (trouble) return t("events.trouble", { why: trouble });
  const at = date(linked.since);
  return linked.by ? t("events.since_by", { at, who: linked.by }) : t("events.since", { at });
}

export function Events({ events, cameras }) {
  const name = (id) => cameras.find((camera) => camera.endpoint_id === id)?.name ?? id ?? t("events.several");
  const waiting = Object.values(events.waiting).reduce((sum, n) => sum + n, 0);
  const well = events.linked && !events.link_again && !events.trouble;
  return html`<section class="card" aria-labelledby="events-title" id="events">
    <h2 id="events-title">${t("events.events")}</h2>
    <p class=${well || !events.configured ? "soft" : "notice"} role="status">${standing(events)}</p>
    ${!well && events.rejected && html`<p class="notice">${t("events.rejected", { at: date(events.rejected.since), why: events.rejected.why })}</p>`}
    ${waiting > 0 && html`<p class="soft">${t("events.waiting", { n: waiting })}</p>`}
    ${events.configured && !events.sent.length && html`<p class="soft">${t("events.none_sent")}</p>`}
    <ul class="plain">${events.sent.slice(0, SHOWN).map(
      (one) => html`<li key=${`${one.at} ${one.what} ${one.endpoint_id}`} data-what=${one.what}>
        <h3>${t(`events.event_${one.what}`)}: ${name(one.endpoint_id)}</h3>
        <p class="soft">${time(one.at)}, ${has(`events.outcome_${one.code}`) ? t(`events.outcome_${one.code}`) : one.outcome}</p>
      </li>`,
    )}</ul>
  </section>`;
}
