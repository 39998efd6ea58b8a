use serde_json::json;

use super::*;

#[test]
fn after_a_start_how_every_endpoint_stands_is_told_anew_once() {
    let known = Stage::settled(&[bell("back"), bell("front")]).outbox.reported().clone();
    let mut stage = Stage::new(known);
    stage.report(&[bell("back"), moving("front", true)]);
    let told = stage.deliver();
    assert_eq!(whats(&told), ["ChangeReport", "ChangeReport"]);
    assert_eq!(stage.alexa.value("back", "detectionState"), "NOT_DETECTED");
    assert_eq!(stage.alexa.value("front", "detectionState"), "DETECTED");
    assert_eq!(stage.alexa.value("front", "connectivity"), &json!({ "value": "OK" }));
    stage.report(&[bell("back"), moving("front", true)]);
    assert!(stage.live(3600.0, Outcome::Delivered).is_empty());
}

#[test]
fn motion_is_told_when_it_begins_and_when_it_ends() {
    let mut stage = Stage::settled(&[bell("front")]);
    for (motion, told) in [(true, "DETECTED"), (false, "NOT_DETECTED")] {
        stage.report(&[moving("front", motion)]);
        let parcel = stage.meets(Outcome::Delivered);
        let body = parcel.body("token");
        assert_eq!(body["event"]["payload"]["change"]["properties"][0]["value"], told);
        assert_eq!(body["context"]["properties"][0]["name"], "connectivity");
        stage.pass(1.0);
    }
    assert!(stage.sent().is_empty());
}

#[test]
fn motion_that_ends_while_its_beginning_is_under_way_is_told_afterwards() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.report(&[moving("front", true)]);
    let begin = stage.one();
    stage.report(&[moving("front", false)]);
    assert!(stage.sent().is_empty(), "the end would overtake the beginning");
    stage.settle(&begin, Outcome::Delivered);
    stage.meets(Outcome::Delivered);
    assert_eq!(stage.alexa.value("front", "detectionState"), "NOT_DETECTED");
}

#[test]
fn a_camera_that_cannot_be_reached_is_told_and_so_is_a_privacy_switch() {
    let mut camera = bell("front");
    camera.state.on = Some(true);
    let mut stage = Stage::settled(std::slice::from_ref(&camera));
    camera.state.reachable = false;
    stage.report(std::slice::from_ref(&camera));
    stage.deliver();
    assert_eq!(stage.alexa.value("front", "connectivity"), &json!({ "value": "UNREACHABLE" }));
    camera.state.on = Some(false);
    stage.report(std::slice::from_ref(&camera));
    stage.deliver();
    assert_eq!(stage.alexa.value("front", "powerState"), "OFF");
}

#[test]
fn a_sensor_that_was_taken_away_is_told_anew_when_it_returns() {
    let mut stage = Stage::settled(&[bell("front")]);
    let mut bare = bell("front");
    bare.state.motion = None;
    bare.description.motion = false;
    stage.report(&[bare]);
    stage.live(20.0, Outcome::Delivered);
    stage.report(&[bell("front")]);
    let told: Vec<_> = stage.live(40.0, Outcome::Delivered).into_iter().map(|(_, what)| what).collect();
    assert_eq!(told, ["AddOrUpdateReport", "ChangeReport"]);
}

#[test]
fn what_alexa_knows_already_is_not_told() {
    let mut stage = Stage::settled(&[bell("front"), bell("back")]);
    stage.report(&[moving("front", true), bell("back")]);
    let slow = stage.one();
    // It comes and goes while nothing can be told.
    stage.report(&[moving("front", false), bell("back")]);
    stage.report(&[moving("front", true), bell("back")]);
    stage.settle(&slow, Outcome::Delivered);
    assert!(stage.sent().is_empty());
}

#[test]
fn a_report_that_may_have_arrived_is_followed_by_the_truth_even_if_that_was_told_before() {
    for outcome in [Outcome::Unreachable, Outcome::ServerTrouble] {
        let mut stage = Stage::settled(&[bell("front")]);
        stage.report(&[moving("front", true)]);
        let lost = stage.one();
        // Alexa took it, and its answer was lost.
        stage.alexa.take(&lost.body("token"));
        stage.settle(&lost, outcome);
        stage.report(&[bell("front")]);
        stage.live(30.0, Outcome::Delivered);
        assert_eq!(stage.alexa.value("front", "detectionState"), "NOT_DETECTED");
    }
}

#[test]
fn after_10000_changes_at_a_dead_gateway_the_last_values_arrive_and_nothing_piled_up() {
    let cameras = |round: usize| -> Vec<Endpoint> {
        (0..10)
            .map(|i| {
                let mut camera = moving(&format!("cam{i}"), (round + i).is_multiple_of(2));
                camera.state.reachable = !(round / 2 + i).is_multiple_of(3);
                camera
            })
            .collect()
    };
    let mut stage = Stage::settled(&cameras(0));
    let before = stage.size();
    let mut posts = 0;
    for round in 1..=1000 {
        stage.report(&cameras(round));
        if round.is_multiple_of(50) {
            stage.press("cam3");
        }
        posts += stage.live(10.0 + 0.3 * round as f64, Outcome::Unreachable).len();
    }
    assert!(stage.size() < before + 8000, "{} after {before}", stage.size());
    assert!(posts < 300, "{posts} tries in five minutes");
    stage.live(stage.at() + 600.0, Outcome::Delivered);
    assert_eq!(stage.outbox.waiting(), Waiting::default());
    for camera in cameras(1000) {
        let id = &camera.description.endpoint_id;
        for property in camera.state.properties(stage.now.wall) {
            let name = property["name"].as_str().unwrap();
            assert_eq!(stage.alexa.value(id, name), &property["value"], "{id} {name}");
        }
    }
    // Those of the last 30 seconds, in their order.
    assert_eq!(stage.alexa.presses.len(), 2);
    assert!(stage.alexa.presses.is_sorted());
}

#[test]
fn a_dead_gateway_is_tried_after_a_second_and_then_ever_more_rarely_up_to_five_minutes() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.report(&[moving("front", true)]);
    let tries: Vec<f64> = stage.live(4000.0, Outcome::Unreachable).iter().map(|(at, _)| *at).collect();
    let pauses: Vec<f64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((1.0..=1.5).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses.windows(2).take(7).all(|pair| pair[1] > pair[0]), "{pauses:?}");
    assert!(pauses.iter().skip(8).all(|pause| (200.0..=300.0).contains(pause)), "{pauses:?}");
    assert!(pauses.len() > 15 && pauses[10] != pauses[11], "no chance in {pauses:?}");
    assert_eq!(stage.outbox.standing(), Standing::Away);
}

#[test]
fn a_trouble_that_is_over_for_all_that_waited_is_told_of_no_more() {
    let mut stage = Stage::settled(&[bell("front")]);
    stage.press("front");
    stage.meets(Outcome::Unreachable);
    assert_eq!(stage.outbox.standing(), Standing::Away);
    stage.live(stage.at() + 60.0, Outcome::Unreachable);
    assert_eq!((stage.outbox.waiting(), stage.outbox.standing()), (Waiting::default(), Standing::Open));
}

#[test]
fn reports_that_fail_together_make_the_pause_grow_once() {
    let all = |motion: bool| -> Vec<Endpoint> { ["a", "b", "c", "d"].map(|id| moving(id, motion)).into() };
    let mut stage = Stage::settled(&all(false));
    stage.report(&all(true));
    for longest in [1.5, 3.0, 6.0] {
        let (failed, sent) = (stage.at(), stage.sent());
        assert_eq!(sent.len(), 4);
        for parcel in &sent {
            stage.settle(parcel, Outcome::Unreachable);
        }
        stage.sleep();
        assert!(stage.at() - failed <= longest, "{} s", stage.at() - failed);
    }
}

#[test]
fn an_endpoint_that_never_rests_leaves_the_others_their_turn() {
    let ids: Vec<String> = (0..12).map(|i| format!("cam{i:02}")).collect();
    let all = |motion: bool| -> Vec<Endpoint> { ids.iter().map(|id| moving(id, motion)).collect() };
    let mut stage = Stage::settled(&all(false));
    stage.report(&all(true));
    let mut told = Vec::new();
    for round in 0..12 {
        // The first four change after each report of theirs.
        let mut list = all(true);
        for camera in &mut list[..4] {
            camera.state.reachable = round % 2 == 0;
        }
        stage.report(&list);
        let parcels = stage.sent();
        assert!(parcels.len() <= 4);
        for parcel in parcels {
            told.push(parcel.endpoint_id().unwrap().to_owned());
            stage.settle(&parcel, Outcome::Delivered);
        }
    }
    told.truncate(16);
    assert!(ids.iter().all(|id| told.contains(id)), "{told:?}");
}
