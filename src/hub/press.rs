//! What is a press at the door, and what only looks like one.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::states::Change;

/// A press is told within this many seconds, or it is an old one that came back.
const FRESH_SECONDS: f64 = 30.0;

/// When a change of a bell's state is a press: its moment by the hub's clock, RFC 3339 in UTC,
/// whole seconds.
///
/// Event entities (and input buttons) hold the time of the last press as their state. A device that
/// comes back online restores the old one, so only a later stamp counts, and only from a state
/// that was known. Binary sensors ring when they go from off to on.
#[must_use]
pub fn moment(change: &Change) -> Option<String> {
    let (before, after) = (&change.before, &change.after);
    let at = if change.entity_id.starts_with("binary_sensor.") {
        if before.state != "off" || after.state != "on" {
            return None;
        }
        OffsetDateTime::from_unix_timestamp_nanos((after.changed * 1e9) as i128).ok()?
    } else {
        let at = OffsetDateTime::parse(&after.state, &Rfc3339).ok()?;
        let is_later = match before.state.as_str() {
            "unknown" => true,
            stamp => OffsetDateTime::parse(stamp, &Rfc3339).is_ok_and(|earlier| at > earlier),
        };
        let age = after.changed - at.unix_timestamp_nanos() as f64 / 1e9;
        // Bells from before the hub's standard say `ding`, `pressed` and the like.
        let is_ring =
            !after.events.iter().any(|kind| kind == "ring") || after.event.as_deref() == Some("ring");
        if !is_later || !is_ring || age.abs() > FRESH_SECONDS {
            return None;
        }
        at
    };
    at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::states::EntityState;
    use super::*;

    const T0: &str = "2026-11-22T14:50:41.556+00:00";
    const T1: &str = "2026-11-22T14:50:44.577+00:00";
    const T1_SECONDS: f64 = 1_795_359_044.577;

    fn event(before: &str, after: &str, kind: &str, changed: f64) -> Change {
        let state = |state: &str| EntityState {
            state: state.into(),
            changed,
            class: Some("doorbell".into()),
            event: Some(kind.into()),
            events: vec!["ring".into(), "long".into()],
            ..EntityState::default()
        };
        Change { entity_id: "event.door".into(), before: state(before), after: state(after) }
    }

    #[test]
    fn a_later_stamp_is_a_press() {
        assert_eq!(moment(&event(T0, T1, "ring", T1_SECONDS)).unwrap(), "2026-11-22T14:50:44Z");
        assert_eq!(moment(&event("unknown", T1, "ring", T1_SECONDS)).unwrap(), "2026-11-22T14:50:44Z");
    }

    #[test]
    fn stamps_of_other_time_zones_are_told_in_utc() {
        let change = event(T0, "2026-11-22T15:50:44.577+01:00", "ring", T1_SECONDS);
        assert_eq!(moment(&change).unwrap(), "2026-11-22T14:50:44Z");
    }

    #[test]
    fn what_comes_back_or_is_old_or_of_another_kind_is_no_press() {
        assert_eq!(moment(&event("unavailable", T1, "ring", T1_SECONDS)), None);
        assert_eq!(moment(&event(T1, T0, "ring", T1_SECONDS)), None);
        assert_eq!(moment(&event(T0, T1, "long", T1_SECONDS)), None);
        assert_eq!(moment(&event(T0, T1, "ring", T1_SECONDS + 31.0)), None);
        assert_eq!(moment(&event(T0, "unavailable", "ring", T1_SECONDS)), None);
        assert_eq!(moment(&event(T0, "unknown", "ring", T1_SECONDS)), None);
    }

    #[test]
    fn a_bell_that_knows_no_ring_rings_with_any_kind() {
        let mut change = event(T0, T1, "ding", T1_SECONDS);
        change.after.events = vec!["ding".into()];
        assert!(moment(&change).is_some());
    }

    #[test]
    fn a_binary_sensor_rings_from_off_to_on_only() {
        let sensor = |before: &str, after: &str| {
            let mut change = event(before, after, "", T1_SECONDS);
            change.entity_id = "binary_sensor.visitor".into();
            moment(&change)
        };
        assert_eq!(sensor("off", "on").unwrap(), "2026-11-22T14:50:44Z");
        assert_eq!(sensor("unavailable", "on"), None);
        assert_eq!(sensor("unknown", "on"), None);
        assert_eq!(sensor("on", "off"), None);
    }
}
