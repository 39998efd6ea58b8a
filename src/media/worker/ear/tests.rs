#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use doorstep::media::talk::{EchoFinding, EchoRule};
use proptest::prelude::*;

use super::canceller::{EchoCanceller, Frame, Removal};
use super::energy::mean_square;
use super::scene::{Conversation, Room, microphone, speech};
use super::{Ear, EarReport};

const AUTO: EchoRule = EchoRule::Auto(None);
/// Somebody in the house, and somebody at the door.
const HOUSE_HZ: f32 = 110.0;
const VISITOR_HZ: f32 = 190.0;

fn begin(rule: EchoRule) -> Conversation {
    Conversation::new(Ear::new(rule).unwrap())
}

/// Silence, then speech.
fn house(seconds: usize) -> Vec<f32> {
    let mut house = vec![0.0; 8_000];
    house.extend(speech(seconds - 1, HOUSE_HZ, 3));
    house
}

/// Only the house speaks.
fn listen(rule: EchoRule, seconds: usize, room: Room) -> Conversation {
    let mut conversation = begin(rule);
    let house = house(seconds);
    conversation.go_on(&house, &microphone(&house, &[], room));
    conversation
}

fn last(conversation: &Conversation) -> EarReport {
    *conversation.reports.last().unwrap()
}

#[test]
fn echo_is_taken_away_however_late_it_comes() {
    for (delay_ms, least) in [(40, 35.0), (120, 35.0), (250, 35.0), (500, 30.0), (1_000, 30.0)] {
        let heard = listen(AUTO, 16, Room { delay_ms, ..Room::default() });
        let first = 1.0 + delay_ms as f32 / 1000.0;
        let (early, late) = (heard.quieter(first, first + 1.0), heard.quieter(8.0, 15.5));
        assert!(
            early >= 20.0 && late >= least,
            "{delay_ms} ms: {early} dB in the first second, then {late} dB"
        );
        let report = last(&heard);
        assert_eq!(report.echo, Some(EchoFinding::Cancelled));
        // A packet comes 20 ms after its first sample, and all filters' delays are 10 ms at most.
        let found = report.delay_ms.unwrap() as usize;
        assert!((delay_ms + 10..delay_ms + 35).contains(&found), "{delay_ms} ms: found {found} ms");
        let said = report.erle_db.unwrap();
        assert!((said - late).abs() < 8.0, "{delay_ms} ms: said {said} dB, is {late} dB");
        assert!(heard.reports.iter().all(|report| !report.hears_voice), "its own echo is no voice");
    }
}

#[test]
fn a_clock_that_drifts_and_a_speaker_that_distorts_do_little_harm() {
    let mut drifting = begin(AUTO);
    drifting.drift_ppm = 50.0;
    let house = house(30);
    drifting.go_on(&house, &microphone(&house, &[], Room::default()));
    // Made-up speech is harder here than true speech.
    assert!(drifting.quieter(10.0, 29.5) >= 30.0, "{}", drifting.quieter(10.0, 29.5));
    let distorted = listen(AUTO, 16, Room { distorts: true, ..Room::default() });
    assert!(distorted.quieter(8.0, 15.5) >= 25.0, "{}", distorted.quieter(8.0, 15.5));
}

#[test]
fn both_may_speak_at_once() {
    let house = house(24);
    let mut visitor = vec![0.0; 12 * 8_000];
    visitor.extend(speech(12, VISITOR_HZ, 5).iter().map(|sample| sample * 0.6));
    let mut both = begin(AUTO);
    both.go_on(&house, &microphone(&house, &visitor, Room::default()));
    assert!(both.likeness(&visitor, 12) >= 0.7, "{}", both.likeness(&visitor, 12));
    assert_eq!(last(&both).echo, Some(EchoFinding::Cancelled));
    assert!(last(&both).erle_db.unwrap() >= 12.0, "{:?}", last(&both));
    assert!(both.reports[12..].iter().any(|report| report.hears_voice));
}

#[test]
fn a_visitor_who_never_stops_talking_is_no_echo_that_is_left() {
    let (house, visitor) = (house(30), speech(30, VISITOR_HZ, 5));
    for echo in [0.5, 0.0] {
        let mut both = begin(AUTO);
        both.go_on(&house, &microphone(&house, &visitor, Room { echo, ..Room::default() }));
        assert!(both.reports.iter().all(|report| report.echo != Some(EchoFinding::Left)));
        assert_eq!(last(&both).echo == Some(EchoFinding::None), echo == 0.0);
    }
}

#[test]
fn a_camera_without_echo_is_left_alone_until_echo_comes() {
    let (house, visitor) = (house(32), speech(32, VISITOR_HZ, 5));
    let mut ear = begin(AUTO);
    let silent = Room { echo: 0.0, ..Room::default() };
    ear.go_on(&house[..16 * 8_000], &microphone(&house[..16 * 8_000], &visitor, silent));
    assert_eq!((last(&ear).echo, last(&ear).delay_ms), (Some(EchoFinding::None), None));
    assert!(ear.likeness(&visitor, 8) >= 0.9, "{}", ear.likeness(&visitor, 8));
    let echo = microphone(&house, &[], Room::default());
    ear.go_on(&house[16 * 8_000..], &echo[16 * 8_000..]);
    assert_eq!(last(&ear).echo, Some(EchoFinding::Cancelled));
    assert!(ear.quieter(19.0, 31.5) >= 35.0, "{}", ear.quieter(19.0, 31.5));
}

/// Takes nothing away.
struct Nothing;

impl EchoCanceller for Nothing {
    fn clean(&mut self, _: Option<&Frame>, microphone: &mut Frame) -> Removal {
        let square = mean_square(microphone);
        Removal { heard: square, linear: square * 0.5, cleaned: square }
    }
}

#[test]
fn echo_that_cannot_be_taken_away_is_told_after_ten_seconds_of_it() {
    let mut ear =
        Conversation::new(Ear::with(EchoRule::Auto(Some(EchoFinding::Cancelled)), Box::new(Nothing)));
    let house = house(30);
    ear.go_on(&house, &microphone(&house, &[], Room::default()));
    assert_eq!(ear.reports[9].echo, Some(EchoFinding::Cancelled));
    assert_eq!(last(&ear).echo, Some(EchoFinding::Left));
    assert!(last(&ear).erle_db.unwrap().abs() < 3.0);
    assert!(ear.reports.iter().all(|report| !report.hears_voice), "the rest of the echo is no voice");
}

#[test]
fn nothing_is_forgotten_while_the_speaker_is_closed() {
    let mut house = house(10);
    house.resize(30 * 8_000, 0.0);
    house.extend(speech(5, HOUSE_HZ, 9));
    let mut ear = begin(AUTO);
    ear.go_on(&house, &microphone(&house, &[], Room { delay_ms: 700, ..Room::default() }));
    assert!(ear.quieter(30.7, 31.2) >= 30.0, "{}", ear.quieter(30.7, 31.2));
}

#[test]
fn another_delay_is_found_and_packets_that_are_lost_change_nothing() {
    let house = house(32);
    let (near, far) = (Room::default(), Room { delay_ms: 400, ..Room::default() });
    let (near, far) = (microphone(&house, &[], near), microphone(&house, &[], far));
    let (lost, moves) = (8 * 8_000, 16 * 8_000);
    let mut ear = begin(AUTO);
    ear.go_on(&house[..lost], &near[..lost]);
    ear.lose(&house[lost..lost + 4_000]);
    ear.go_on(&house[lost + 4_000..moves], &near[lost + 4_000..moves]);
    assert!(ear.quieter(8.0, 15.0) >= 30.0, "after the gap: {}", ear.quieter(8.0, 15.0));
    ear.go_on(&house[moves..], &far[moves..]);
    assert!(ear.quieter(18.0, 31.0) >= 30.0, "after the move: {}", ear.quieter(18.0, 31.0));
    assert!((410..435).contains(&last(&ear).delay_ms.unwrap()), "{:?}", last(&ear));
}

#[test]
fn a_held_microphone_is_silent_and_neither_end_clicks() {
    let mut ear = Ear::new(EchoRule::Off).unwrap();
    let mut passed = Vec::new();
    for packet in 0..30 {
        ear.hold((10..20).contains(&packet));
        let mut sound = vec![0.5; 960];
        ear.hear(&mut sound, packet * 960, packet * 20);
        passed.extend(sound);
    }
    assert!(passed[11 * 960..20 * 960].iter().all(|sample| *sample == 0.0));
    assert!(passed[..10 * 960].iter().chain(&passed[21 * 960..]).all(|sample| (sample - 0.5).abs() < 1e-3));
    assert!(passed.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.001));
}

#[test]
fn a_rule_of_off_leaves_every_sample_and_measures() {
    let off = listen(EchoRule::Off, 6, Room::default());
    assert_eq!(off.heard, off.passed);
    let report = last(&off);
    assert_eq!(report.microphone_dbfs, report.passed_dbfs);
    assert!((-40.0..-15.0).contains(&report.microphone_dbfs), "{report:?}");
    assert_eq!((report.echo, report.delay_ms, report.erle_db), (None, None, None));
}

fn any_sample() -> impl Strategy<Value = f32> {
    prop_oneof![-1.0_f32..1.0, any::<f32>(), Just(f32::NAN), Just(f32::INFINITY), Just(f32::MAX)]
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -100_000_i64..100_000, Just(i64::MIN), Just(i64::MAX)]
}

fn any_packet() -> impl Strategy<Value = (Vec<f32>, i64, i64, bool)> {
    let length = prop_oneof![Just(960_usize), Just(480), 0_usize..3_000];
    let sound = (any_sample(), any_sample(), length)
        .prop_map(|(even, odd, length)| (0..length).map(|n| if n % 2 == 0 { even } else { odd }).collect());
    (sound, any_time(), any_time(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_comes_what_is_passed_on_is_sound_and_the_ear_recovers(
        packets in prop::collection::vec(any_packet(), 1..40)
    ) {
        let mut ear = Ear::new(AUTO).unwrap();
        for (mut sound, ticks, now, played) in packets {
            if played {
                ear.played(&sound, now);
            }
            ear.hear(&mut sound, ticks, now);
            prop_assert!(sound.iter().all(|sample| sample.abs() <= 4.0));
        }
        let mut after = Conversation::new(ear);
        let house = house(8);
        after.go_on(&house, &microphone(&house, &[], Room::default()));
        prop_assert!(after.quieter(5.0, 7.5) >= 25.0, "{}", after.quieter(5.0, 7.5));
    }
}
