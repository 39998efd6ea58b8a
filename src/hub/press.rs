//! What is a press at the door, and what only looks like one.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Cause;
use super::states::Change;

/// A press is told within this many seconds, or it is an old one that came back.
const FRESH_SECONDS: f64 = 30.0;

/// When a change of a bell's state is a press: its moment, Unix seconds by the hub's clock.
///
/// Event entities and input buttons hold the time of the last press as their state. A device that
/// comes back online restores the old one, so only a later stamp counts, and only from a state
/// that was known. Binary sensors ring when they go from off to on.
#[must_use]
pub fn moment(change: &Change, cause: Cause) -> Option<f64> {
    if change.entity_id.starts_with("binary_sensor.") {
        let rings = change.before.state == "off" && change.after.state == "on";
        return rings.then_some(change.at);
    }
    let stamp = stamp(&change.after.state)?;
    let at = stamp.unix_timestamp_nanos() as f64 / 1e9;
    // By the hub's own clock: it may be any time off.
    let is_fresh = (change.at - at).abs() <= FRESH_SECONDS;
    (is_fresh && is_new(change, stamp) && is_wanted(change, cause)).then_some(at)
}

fn stamp(state: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(state, &Rfc3339).ok()
}

fn is_new(change: &Change, now: OffsetDateTime) -> bool {
    let (before, after) = (&change.before, &change.after);
    if before.state == "unknown" {
        return true;
    }
    let Some(earlier) = stamp(&before.state) else { return false };
    // A second event of the same millisecond differs in its kind alone.
    let is_other = before.event.is_some() && before.event != after.event;
    let was_set_back = change.at < before.changed;
    now > earlier || (now == earlier && is_other) || (now < earlier && was_set_back)
}

/// A bell that knows `ring` does other things too; bells from before the hub's standard say `ding`,
/// `pressed` and the like. Of what the user named every event is meant.
fn is_wanted(change: &Change, cause: Cause) -> bool {
    let kinds = &change.after.events;
    cause == Cause::Rule
        || kinds.iter().all(|kind| kind != "ring")
        || change.after.event.as_deref() == Some("ring")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::states::EntityState;
    use super::*;

    const T0: &str = "2026-11-22T14:50:41.556+00:00";
    const T1: &str = "2026-11-22T14:50:44.577+00:00";
    const T0_SECONDS: f64 = 1_795_359_041.556;
    const T1_SECONDS: f64 = 1_795_359_044.577;

    fn event(before: &str, after: &str, kind: &str, at: f64) -> Change {
        let state = |state: &str, changed| EntityState {
            state: state.into(),
            changed,
            class: Some("doorbell".into()),
            event: Some(kind.into()),
            events: vec!["ring".into(), "long".into()],
            ..EntityState::default()
        };
        let (before, after) = (state(before, T0_SECONDS), state(after, at));
        Change { entity_id: "event.door".into(), before, after, at }
    }

    fn bell(change: &Change) -> Option<f64> {
        moment(change, Cause::Bell)
    }

    #[test]
    fn a_later_stamp_is_a_press() {
        assert_eq!(bell(&event(T0, T1, "ring", T1_SECONDS)), Some(T1_SECONDS));
        assert_eq!(bell(&event("unknown", T1, "ring", T1_SECONDS)), Some(T1_SECONDS));
    }

    #[test]
    fn stamps_of_other_time_zones_are_the_same_moment() {
        let change = event(T0, "2026-11-22T15:50:44.577+01:00", "ring", T1_SECONDS);
        assert_eq!(bell(&change), Some(T1_SECONDS));
    }

    #[test]
    fn what_comes_back_or_is_old_or_of_another_kind_is_no_press() {
        assert_eq!(bell(&event("unavailable", T1, "ring", T1_SECONDS)), None);
        assert_eq!(bell(&event(T1, T0, "ring", T1_SECONDS)), None);
        assert_eq!(bell(&event(T0, T1, "long", T1_SECONDS)), None);
        assert_eq!(bell(&event(T0, T1, "ring", T1_SECONDS + 31.0)), None);
        assert_eq!(bell(&event(T0, "unavailable", "ring", T1_SECONDS)), None);
        assert_eq!(bell(&event(T0, "unknown", "ring", T1_SECONDS)), None);
    }

    #[test]
    fn an_earlier_stamp_is_a_press_if_the_hubs_clock_was_set_back() {
        let mut change = event(T1, T0, "ring", T0_SECONDS);
        assert_eq!(bell(&change), None);
        change.before.changed = T1_SECONDS;
        assert_eq!(bell(&change), Some(T0_SECONDS));
    }

    #[test]
    fn a_ring_in_the_millisecond_of_another_event_is_a_press_and_another_event_in_that_of_a_ring_is_none() {
        let mut change = event(T1, T1, "ring", T1_SECONDS);
        assert_eq!(bell(&change), None);
        change.before.event = Some("long".into());
        assert_eq!(bell(&change), Some(T1_SECONDS));
        // Named by its time of change, which that of its state would hide.
        change.at = T1_SECONDS + 31.0;
        assert_eq!(bell(&change), None);
        change.at = T1_SECONDS;
        (change.before.event, change.after.event) = (change.after.event, change.before.event);
        assert_eq!(bell(&change), None);
    }

    #[test]
    fn a_bell_that_knows_no_ring_rings_with_any_kind_and_so_does_what_the_user_named() {
        let mut change = event(T0, T1, "ding", T1_SECONDS);
        assert_eq!(bell(&change), None);
        assert!(moment(&change, Cause::Rule).is_some());
        change.after.events = vec!["ding".into()];
        assert!(bell(&change).is_some());
    }

    #[test]
    fn an_input_button_rings_with_every_stamp() {
        let button = |before: &str, after: &str| {
            let mut change = event(before, after, "", T1_SECONDS);
            change.entity_id = "input_button.show_door".into();
            (change.before.event, change.after.event) = (None, None);
            (change.before.events, change.after.events) = (Vec::new(), Vec::new());
            moment(&change, Cause::Rule)
        };
        assert_eq!(button("unknown", T1), Some(T1_SECONDS));
        assert_eq!(button(T0, T1), Some(T1_SECONDS));
        assert_eq!(button("unavailable", T1), None);
        assert_eq!(button(T1, T1), None);
    }

    #[test]
    fn a_binary_sensor_rings_from_off_to_on_only() {
        let sensor = |before: &str, after: &str| {
            let mut change = event(before, after, "", T1_SECONDS);
            change.entity_id = "binary_sensor.visitor".into();
            bell(&change)
        };
        assert_eq!(sensor("off", "on"), Some(T1_SECONDS));
        assert_eq!(sensor("unavailable", "on"), None);
        assert_eq!(sensor("unknown", "on"), None);
        assert_eq!(sensor("on", "off"), None);
    }
}
