use super::*;

#[test]
fn presses_at_one_door_are_told_in_their_order_and_one_at_a_time() {
    let mut stage = Stage::settled(&[bell("front")]);
    for _ in 0..3 {
        stage.press("front");
        stage.pass(1.0);
    }
    for _ in 0..3 {
        stage.meets(Outcome::Unreachable);
        assert!(stage.sent().is_empty(), "a later press passed the first");
        stage.pass(5.0);
        let parcel = stage.one();
        stage.settle(&parcel, Outcome::Delivered);
    }
    let stamps: Vec<&str> = stage.alexa.presses.iter().map(|(_, at)| at.as_str()).collect();
    assert_eq!(stamps, ["2026-11-22T10:00:10Z", "2026-11-22T10:00:11Z", "2026-11-22T10:00:12Z"]);
}

#[test]
fn a_press_comes_before_all_else() {
    let mut stage = Stage::new(Reported::default());
    stage.report(&[bell("front"), bell("back")]);
    stage.pass(10.0);
    stage.press("back");
    assert_eq!(whats(&stage.sent()), ["DoorbellPress", "AddOrUpdateReport"]);
}

#[test]
fn a_press_waits_neither_for_slow_reports_nor_for_a_slow_press_at_another_door() {
    let mut stage = Stage::settled(&[bell("front"), bell("back")]);
    stage.report(&[moving("front", true), moving("back", true), bell("new")]);
    stage.pass(10.0);
    assert_eq!(whats(&stage.sent()), ["AddOrUpdateReport", "ChangeReport", "ChangeReport"]);
    stage.press("front");
    assert_eq!(stage.one().endpoint_id(), Some("front"));
    stage.press("back");
    assert_eq!(stage.one().endpoint_id(), Some("back"));
}

#[test]
fn a_press_goes_at_once_though_reports_are_pausing() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.report(&[moving("front", true)]);
    stage.live(200.0, Outcome::Unreachable);
    assert!(stage.sent().is_empty());
    stage.press("front");
    assert_eq!(stage.one().what(), "DoorbellPress");
}

#[test]
fn a_press_that_waited_for_30_seconds_is_given_up() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.press("front");
    let tries = stage.live(120.0, Outcome::Unreachable);
    assert!(tries.len() >= 4, "{tries:?}");
    assert!(tries.iter().all(|(at, _)| *at < 40.0), "{tries:?}");
    let lost = stage.outbox.dropped();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].endpoint_id.as_deref(), lost[0].why), (Some("front"), Why::TooOld));
    assert_eq!(stage.outbox.waiting().presses, 0);
}

#[test]
fn a_press_whose_stamp_is_30_seconds_old_is_never_sent() {
    let mut stage = Stage::settled(&[bell("front")]);
    // It is 10:00:10.
    stage.press_stamped("front", "2026-11-22T09:59:40Z");
    assert!(stage.sent().is_empty());
    assert_eq!(stage.outbox.dropped()[0].why, Why::TooOld);
    stage.press_stamped("front", "2026-11-22T10:59:41+01:00");
    stage.pass(0.9);
    assert_eq!(stage.one().what(), "DoorbellPress");
    stage.press_stamped("front", "2026-11-22T09:59:41Z");
    stage.pass(0.2);
    assert!(stage.sent().is_empty());
}

#[test]
fn a_stamp_that_is_yet_to_come_or_cannot_be_read_counts_as_now() {
    let mut stage = Stage::settled(&[bell("front")]);
    for stamp in ["2026-11-22T11:00:00Z", "soon"] {
        stage.press_stamped("front", stamp);
        stage.deliver();
        assert_eq!(stage.alexa.presses.pop().unwrap().1, "2026-11-22T10:00:10Z");
    }
}

#[test]
fn no_more_than_100_presses_wait_and_the_oldest_is_given_up() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.press("front");
    let first = stage.one();
    for _ in 0..150 {
        stage.pass(0.1);
        stage.press("front");
    }
    assert_eq!(stage.outbox.waiting().presses, 100);
    let lost = stage.outbox.dropped();
    assert_eq!(lost.len(), 51);
    assert!(lost.iter().all(|lost| lost.why == Why::TooMany));
    stage.settle(&first, Outcome::Delivered);
    assert_eq!(stage.deliver().len(), 99);
    assert_eq!(stage.alexa.presses.last().unwrap().1, "2026-11-22T10:00:25Z");
}

#[test]
fn a_press_of_an_endpoint_that_alexa_may_not_know_is_not_sent() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.press("private");
    stage.press("front");
    stage.report(&[]);
    assert!(stage.sent().is_empty());
    let why: Vec<Why> = stage.outbox.dropped().iter().map(|lost| lost.why).collect();
    assert_eq!(why, [Why::Unknown, Why::Unknown]);
}

#[test]
fn a_press_before_the_first_list_waits_for_it() {
    let mut stage = Stage::new(Reported::default());
    stage.press("front");
    assert!(stage.sent().is_empty());
    stage.pass(1.0);
    stage.report(&[bell("front")]);
    assert_eq!(stage.one().what(), "DoorbellPress");
}

#[test]
fn a_press_is_tried_again_three_times_when_the_gateway_is_in_trouble() {
    for outcome in [Outcome::Throttled, Outcome::ServerTrouble] {
        let mut stage = Stage::settled(&[bell("front")]);
        stage.press("front");
        let tries = stage.live(60.0, outcome);
        assert_eq!(tries.len(), 4);
        assert!(tries.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 1.0), "{tries:?}");
        assert_eq!(stage.outbox.dropped()[0].why, Why::TriedEnough);
    }
}
