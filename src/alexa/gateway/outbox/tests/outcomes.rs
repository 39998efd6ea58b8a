use super::*;

/// A settled house with a change to tell.
fn stage() -> Stage {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.report(&[moving("front", true)]);
    stage
}

#[test]
fn what_alexa_takes_for_wrong_is_never_sent_again() {
    let mut stage = stage();
    stage.press("front");
    for parcel in stage.sent() {
        stage.settle(&parcel, Outcome::Refused);
    }
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
    let lost: Vec<_> = stage.outbox.dropped().iter().map(|lost| (lost.what, lost.why)).collect();
    assert_eq!(lost, [("DoorbellPress", Why::Refused), ("ChangeReport", Why::Refused)]);
    assert_eq!(stage.outbox.waiting(), Waiting::default());
    // The next change is another event.
    stage.report(&[bell("front")]);
    assert_eq!(stage.one().what(), "ChangeReport");
}

#[test]
fn a_refused_token_is_renewed_and_everything_that_met_it_sent_once_more() {
    let mut stage = stage();
    stage.press("front");
    let met = stage.sent();
    for parcel in &met {
        stage.settle(parcel, Outcome::TokenBad);
    }
    assert_eq!(stage.outbox.standing(), Standing::Open);
    assert_eq!(whats(&stage.deliver()), whats(&met));
    // An hour later the next one runs out.
    stage.pass(3600.0);
    stage.report(&[bell("front")]);
    stage.meets(Outcome::TokenBad);
    stage.meets(Outcome::Delivered);
}

#[test]
fn when_the_new_token_is_refused_too_nothing_is_sent_for_a_minute_and_nothing_is_lost() {
    let mut stage = stage();
    stage.meets(Outcome::TokenBad);
    stage.meets(Outcome::TokenBad);
    assert_eq!(stage.outbox.standing(), Standing::Rejected);
    let held = stage.at();
    stage.sleep();
    assert!((60.0..=90.0).contains(&(stage.at() - held)));
    stage.meets(Outcome::TokenBad);
    let held = stage.at();
    stage.sleep();
    assert!((120.0..=180.0).contains(&(stage.at() - held)));
    assert_eq!(stage.outbox.standing(), Standing::Rejected);
    stage.meets(Outcome::Delivered);
    assert_eq!(stage.outbox.standing(), Standing::Open);
    assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
}

#[test]
fn a_token_that_the_owner_got_meanwhile_ends_the_pause() {
    let mut stage = stage();
    stage.meets(Outcome::TokenBad);
    stage.meets(Outcome::TokenBad);
    assert!(stage.sent().is_empty());
    stage.outbox.resume();
    stage.meets(Outcome::Delivered);
    assert_eq!(stage.outbox.standing(), Standing::Open);
}

#[test]
fn a_disabled_skill_is_left_alone_until_a_new_grant_and_then_told_the_latest() {
    for (outcome, standing) in
        [(Outcome::SkillDisabled, Standing::SkillDisabled), (Outcome::NotFound, Standing::NotFound)]
    {
        let mut stage = stage();
        stage.meets(outcome);
        let before = stage.size();
        for second in 0..500 {
            stage.report(&[moving("front", second % 2 == 0), bell("back")]);
            stage.press("front");
            assert!(stage.live(20.0 + f64::from(second), Outcome::Delivered).is_empty());
        }
        stage.outbox.resume();
        assert!(stage.sent().is_empty());
        assert!(stage.size() < before + 40_000, "{} after {before}", stage.size());
        assert_eq!(stage.outbox.standing(), standing);
        stage.outbox.granted(stage.now.instant);
        stage.live(600.0, Outcome::Delivered);
        assert_eq!(stage.alexa.value("front", "detectionState"), "NOT_DETECTED");
        assert_eq!(stage.alexa.endpoints.len(), 2);
        assert_eq!(stage.outbox.waiting(), Waiting::default());
        assert_eq!(stage.outbox.standing(), Standing::Open);
    }
}

#[test]
fn what_is_still_under_way_does_not_open_the_way_that_a_disabled_skill_has_closed() {
    for late in [Outcome::Delivered, Outcome::NoPermission, Outcome::SkillNeverEnabled] {
        let mut stage = stage();
        stage.press("front");
        let sent = stage.sent();
        stage.settle(&sent[0], Outcome::SkillDisabled);
        stage.settle(&sent[1], late);
        stage.report(&[bell("front")]);
        assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
        assert_eq!(stage.outbox.standing(), Standing::SkillDisabled);
    }
}

#[test]
fn a_new_grant_tells_everything_anew_because_it_may_be_of_another_home() {
    let mut stage = Stage::settled(&[bell("back"), bell("front")]);
    stage.report(&[bell("front")]);
    stage.alexa = Alexa::default();
    stage.outbox.granted(stage.now.instant);
    let log: Vec<_> = stage.live(60.0, Outcome::Delivered).into_iter().map(|(_, what)| what).collect();
    assert_eq!(log, ["AddOrUpdateReport", "DeleteReport", "ChangeReport"]);
    assert_eq!(stage.alexa.endpoints.keys().collect::<Vec<_>>(), ["front"]);
}

#[test]
fn an_answer_to_the_old_grant_says_nothing_of_the_new_one() {
    let mut stage = stage();
    stage.press("front");
    let old = stage.sent();
    stage.outbox.granted(stage.now.instant);
    for parcel in &old {
        stage.settle(parcel, Outcome::SkillDisabled);
    }
    assert_eq!(stage.outbox.standing(), Standing::Open);
    stage.live(60.0, Outcome::Delivered);
    assert_eq!(stage.alexa.presses.len(), 1);
    assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
}

#[test]
fn a_skill_that_is_not_known_there_is_tried_again_later_and_at_once_in_another_region() {
    let mut stage = stage();
    stage.meets(Outcome::SkillNeverEnabled);
    assert_eq!(stage.outbox.standing(), Standing::SkillNeverEnabled);
    let held = stage.at();
    stage.sleep();
    assert!((30.0..=45.0).contains(&(stage.at() - held)));
    stage.meets(Outcome::SkillNeverEnabled);
    assert!(stage.sent().is_empty());
    stage.outbox.resume();
    stage.meets(Outcome::Delivered);
    assert_eq!(stage.outbox.standing(), Standing::Open);
    assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
}

#[test]
fn a_skill_without_permission_is_left_alone_for_five_minutes_at_a_time() {
    let mut stage = stage();
    let tries = stage.live(1000.0, Outcome::NoPermission);
    assert_eq!(tries.len(), 4, "{tries:?}");
    assert!(tries.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 300.0), "{tries:?}");
    assert_eq!(stage.outbox.standing(), Standing::NoPermission);
    stage.outbox.resume();
    assert!(stage.sent().is_empty());
    stage.live(1400.0, Outcome::Delivered);
    assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
}

#[test]
fn a_change_report_that_is_too_large_is_given_up() {
    let mut stage = stage();
    stage.meets(Outcome::TooLarge);
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
    assert_eq!(stage.outbox.dropped()[0].why, Why::TooLarge);
}

#[test]
fn reports_go_on_being_tried_through_throttling_and_trouble_until_they_arrive() {
    for outcome in [Outcome::Throttled, Outcome::ServerTrouble, Outcome::Unreachable] {
        let mut stage = Stage::settled(&[bell("front")]);
        stage.report(&[moving("front", true), bell("new")]);
        let tries = stage.live(7200.0, outcome);
        for kind in ["AddOrUpdateReport", "ChangeReport"] {
            let at: Vec<f64> = tries.iter().filter(|(_, what)| *what == kind).map(|(at, _)| *at).collect();
            assert!(at.len() > 20, "{kind}: {at:?}");
            assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 1.0), "{kind}: {at:?}");
        }
        stage.live(7800.0, Outcome::Delivered);
        assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
        assert!(stage.alexa.endpoints.contains_key("new"));
        assert!(stage.outbox.dropped().is_empty());
        assert_eq!(stage.outbox.standing(), Standing::Open);
    }
}

#[test]
fn a_parcel_that_is_not_under_way_cannot_be_settled() {
    let mut stage = stage();
    let parcel = stage.meets(Outcome::Delivered);
    stage.outbox.settle(parcel.id(), Outcome::SkillDisabled, stage.now.instant);
    stage.outbox.settle(999, Outcome::SkillDisabled, stage.now.instant);
    assert_eq!(stage.outbox.standing(), Standing::Open);
}
