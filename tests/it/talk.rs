//! Conversations: speech through the whole house to a camera's speaker, and what its microphone brings back.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::house::{House, wait_for};
use crate::fixture::{
    AiortcPeer, Camera, CameraOptions, Judged, PeerOptions, Speech, StubbornCamera, Talker, WebrtcbinPeer,
    dbfs,
};

const HER: &str = "en-us+f3";
const HIM: &str = "en-gb";
/// Longer than a speaker that nobody talks to stays open, on a busy machine.
const CLOSING: Duration = Duration::from_secs(20);

/// A small picture, so that the machine has time for sound.
fn with_speaker(codec: &str) -> CameraOptions {
    CameraOptions::default().size(320, 192).with("--fps", 5).gop(1.0).audio("pcmu").speaker(codec)
}

fn camera(id: &str, url: &str, more: &str) -> String {
    format!("[[camera]]\nid = '{id}'\nname = '{id}'\nkind = 'doorbell'\nsource = '{url}'\n{more}\n")
}

fn peer(house: &House, endpoint: &str) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, endpoint)
}

async fn record(house: &House, session: &str) -> Value {
    house.call_record(session, |call| call["ended"].is_string()).await
}

/// A house that has looked at all its cameras for a speaker.
async fn house(settings: &str) -> House {
    let house = House::start(settings);
    wait_for("a look at each camera", async || {
        let cameras = house.api("cameras").await["cameras"].clone();
        let asks = |camera: &Value| camera["talk"]["why"].as_str().unwrap().contains("being asked");
        (!cameras.as_array()?.iter().any(asks)).then_some(())
    })
    .await;
    house
}

/// Whether Alexa is told that both can talk at once.
async fn full_duplex(house: &House, name: &str) -> bool {
    let scope = json!({ "type": "BearerToken", "token": house.token });
    let header = json!({ "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "m" });
    let directive = json!({ "directive": { "header": header, "payload": { "scope": scope } } });
    let event = house.directive(directive).await;
    let endpoints = event["event"]["payload"]["endpoints"].as_array().unwrap().clone();
    let endpoint = endpoints.into_iter().find(|endpoint| endpoint["friendlyName"] == name).unwrap();
    let interfaces = endpoint["capabilities"].as_array().unwrap().clone();
    let rtc = interfaces.iter().find(|one| one["interface"] == "Alexa.RTCSessionController").unwrap();
    rtc["configuration"]["isFullDuplexAudioSupported"].as_bool().unwrap()
}

fn assert_heard(judged: &Judged, seconds: u32) {
    assert!(judged.alike > 0.75 && judged.seconds >= seconds, "{judged:?}");
    assert!(judged.share > 0.95 && judged.gap_ms <= 200.0, "{judged:?}");
}

#[tokio::test]
async fn in_the_room_of_these_tests_words_come_back_after_its_delay_and_at_its_level() {
    let speech = Speech::new();
    let words = speech.say(HIM, 6, 0).await;
    let (played, heard) = (speech.file("speaker"), speech.file("microphone"));
    let options = with_speaker("aac").room("delay=250,gain=-6,drift=50");
    let camera = Camera::start(options.keeps_speaker(&played).keeps_microphone(&heard)).await;
    Talker::run(&camera, &words, &speech.file("client"), 8).await;
    drop(camera);
    let (out, back) = (Judged::of(&words, &played).await, Judged::of(&words, &heard).await);
    assert_heard(&out, 5);
    let (begins, again) = (out.begins.unwrap(), back.begins.unwrap());
    assert!((again - begins - 0.25).abs() < 0.005, "{begins} s, {again} s");
    let gain = dbfs(&heard, again..again + 5.0) - dbfs(&played, begins..begins + 5.0);
    assert!((-9.0..-3.0).contains(&gain), "{gain} dB");
}

async fn is_spoken_to(codec: &str, talk: &str) {
    let speech = Speech::new();
    let words = speech.say(HIM, 8, 0).await;
    let played = speech.file("speaker");
    let door =
        Camera::start(with_speaker(codec).locked("viewer", "pass", "digest").keeps_speaker(&played)).await;
    let house = house(&camera("door", door.url(), &format!("talk = '{talk}'"))).await;
    let call = peer(&house, "door").seconds(14.0).says(&words, 3.0).session("talk");
    let outcome = WebrtcbinPeer::run(call).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 30, "{summary:?}");
    assert_heard(&Judged::of(&words, &played).await, 6);
    let talk = record(&house, "talk").await["talk"].clone();
    assert!(talk["path"].is_string() && talk["trouble"].is_null(), "{talk}");
    assert!(talk["speaker_dbfs"].as_f64().unwrap() > -40.0, "{talk}");
}

#[actix::test]
async fn what_is_said_is_played_by_a_speaker_of_pcmu() {
    is_spoken_to("pcmu", "auto").await;
}

#[actix::test]
async fn what_is_said_is_played_by_a_speaker_of_pcma() {
    is_spoken_to("pcma", "rtsp").await;
}

#[actix::test]
async fn what_is_said_is_played_by_a_speaker_of_aac() {
    is_spoken_to("aac", "auto").await;
}

#[actix::test]
async fn alexa_is_told_of_full_duplex_only_where_there_is_a_back_channel() {
    let speaks = Camera::start(with_speaker("pcmu")).await;
    let mute = Camera::start(CameraOptions::default()).await;
    let cameras = [("speaks", &speaks, ""), ("mute", &mute, ""), ("quiet", &speaks, "talk = 'none'")];
    let settings = cameras.map(|(id, door, more)| camera(id, door.url(), more));
    let house = house(&settings.concat()).await;
    assert!(full_duplex(&house, "speaks").await);
    assert!(!full_duplex(&house, "mute").await && !full_duplex(&house, "quiet").await);
    assert!(speaks.talk().is_none(), "it was found without a sound");
}

/// What a peer hears of its own words, dBFS, and the record's talk.
async fn echo_of(house: &House, endpoint: &str, speech: &Speech, words: &Path) -> (f64, Value) {
    let heard = speech.file(endpoint);
    let call = peer(house, endpoint).seconds(26.0).says(words, 3.0).keeps_sound(&heard).session(endpoint);
    WebrtcbinPeer::run(call).await;
    // The words last from the 3rd to the 23rd second.
    (dbfs(&heard, 12.0..22.0), record(house, endpoint).await["talk"].clone())
}

#[actix::test]
async fn the_echo_of_the_person_inside_is_taken_away() {
    let speech = Speech::new();
    let words = speech.say(HIM, 20, 0).await;
    let room = || with_speaker("pcmu").room("delay=120");
    let (door, control) = (Camera::start(room()).await, Camera::start(room()).await);
    let settings = [("door", &door, "auto"), ("control", &control, "off")];
    let settings = settings
        .map(|(id, door, echo)| camera(id, door.url(), &format!("talk = 'rtsp'\necho_cancel = '{echo}'")));
    let house = house(&settings.concat()).await;
    let calls = (echo_of(&house, "door", &speech, &words), echo_of(&house, "control", &speech, &words));
    let ((left, talk), (all, _)) = futures_util::future::join(calls.0, calls.1).await;
    println!("{all} dBFS, {left} dBFS left: {talk}");
    assert!(all > -45.0, "the control hears it: {all} dBFS");
    assert!(all - left > 20.0, "{all} dBFS, {left} dBFS left: {talk}");
    assert!(talk["erle_db"].as_f64().unwrap() > 15.0 && talk["echo"] == "cancelled", "{talk}");
    assert_eq!(talk["duplex"], "full", "{talk}");
}

#[actix::test]
async fn a_camera_that_takes_its_echo_away_itself_is_found_out() {
    let speech = Speech::new();
    let words = speech.say(HIM, 20, 0).await;
    let door = Camera::start(with_speaker("pcmu").room("delay=120").own_echo_control()).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    let (_left, talk) = echo_of(&house, "door", &speech, &words).await;
    assert_eq!(talk["echo"], "none", "{talk}");
}

#[actix::test]
async fn the_visitor_is_heard_while_the_person_inside_talks() {
    let speech = Speech::new();
    let (words, visitor) = (speech.say(HIM, 24, 0).await, speech.say(HER, 8, 6).await);
    let heard = speech.file("heard");
    let options = with_speaker("pcmu").room("delay=120").with("--near", format!("{}@16", visitor.display()));
    let door = Camera::start(options).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    let call = peer(&house, "door").seconds(30.0).says(&words, 3.0).keeps_sound(&heard);
    WebrtcbinPeer::run(call).await;
    let judged = Judged::of(&visitor, &heard).await;
    assert!(judged.alike > 0.5 && judged.seconds >= 4, "{judged:?}");
}

#[actix::test]
async fn of_two_who_talk_the_second_is_heard_once_the_first_is_silent() {
    let speech = Speech::new();
    let (first, early, late) =
        (speech.say(HIM, 8, 0).await, speech.say(HER, 4, 3).await, speech.say(HER, 4, 8).await);
    let played = speech.file("speaker");
    let door = Camera::start(with_speaker("pcmu").keeps_speaker(&played)).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    let mut he = WebrtcbinPeer::start(peer(&house, "door").seconds(24.0).says(&first, 6.0));
    he.wait_for("connected").await;
    // He talks from the 6th to the 14th second, she within that time and after it.
    let she = peer(&house, "door").seconds(20.0).says(&early, 7.0).says(&late, 15.0);
    let (he, she) = futures_util::future::join(he.outcome(), WebrtcbinPeer::run(she)).await;
    let at = |events: &[Value], n: usize| {
        let says = events.iter().filter(|event| event["event"] == "says").nth(n).unwrap();
        says["at"].as_f64().unwrap()
    };
    let began = at(&he.events, 0);
    assert!(at(&she.events, 0) > began + 0.5 && at(&she.events, 0) < began + 4.0, "the peers are in time");
    assert!(at(&she.events, 1) < began + 14.0, "the peers are in time");
    assert_heard(&Judged::of(&first, &played).await, 6);
    assert!(Judged::of(&early, &played).await.seconds <= 1, "she is not heard while he talks");
    assert!(Judged::of(&late, &played).await.seconds >= 2, "she is heard after it");
}

#[actix::test]
async fn the_speaker_is_opened_at_the_first_word_and_closed_five_seconds_after_the_last() {
    let speech = Speech::new();
    let words = speech.say(HIM, 4, 0).await;
    let mut door = Camera::start(with_speaker("pcmu").room("delay=40,gain=-60")).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    // Silence is sent from the beginning on.
    let mut call = WebrtcbinPeer::start(peer(&house, "door").seconds(24.0).says(&words, 8.0));
    let said_at = call.wait_for("says").await["at"].as_f64().unwrap();
    let (_, playing, _) = door.clients();
    assert_eq!(playing, 1, "for the picture alone");
    door.wait_for("speaker", CLOSING).await;
    let opened_at = door.events("playing")[1]["at"].as_f64().unwrap();
    assert!((said_at - 0.5..said_at + 4.0).contains(&opened_at), "opened at {opened_at}, said at {said_at}");
    let closed_at = wait_for("the speaker to be closed", async || {
        let closed = door.events("closed").pop()?["at"].as_f64()?;
        (closed > opened_at).then_some(closed)
    })
    .await;
    // Four seconds of words.
    assert!((said_at + 7.0..said_at + 14.0).contains(&closed_at), "closed at {closed_at}, said at {said_at}");
    let outcome = call.outcome().await;
    assert_eq!(outcome.summary().ended, "time", "the call goes on");
    assert_eq!(door.clients().1, 2, "it is opened once");
}

/// A call to a camera whose back channel refuses; what its record says of the talk.
async fn refused(fault: &str) -> String {
    let speech = Speech::new();
    let words = speech.say(HIM, 6, 0).await;
    let behind = Camera::start(with_speaker("pcmu").locked("viewer", "hunter2", "digest")).await;
    let door = StubbornCamera::before(&behind, fault).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    let call = peer(&house, "door").seconds(14.0).says(&words, 3.0).session(fault);
    let outcome = WebrtcbinPeer::run(call).await;
    assert!(door.refused() > 0, "{fault}: it was never asked");
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.ended == "time", "{fault}: {summary:?}");
    assert!(summary.fps > 3.5 && summary.longest_gap_ms(6_000.0) < 3_000.0, "{fault}: {summary:?}");
    let talk = record(&house, fault).await["talk"].clone();
    println!("{fault}: {talk}");
    assert!(!talk.to_string().contains("hunter2"), "{talk}");
    door.is_left().await;
    format!("{} {}", talk["why"], talk["trouble"])
}

#[actix::test]
async fn a_speaker_that_refuses_the_login_leaves_the_picture_alone_and_is_named() {
    let why = refused("401").await;
    assert!(why.contains("password"), "{why}");
}

#[actix::test]
async fn a_speaker_without_a_session_leaves_the_picture_alone_and_is_named() {
    let why = refused("454").await;
    assert!(why.contains("454") || why.contains("session"), "{why}");
}

#[actix::test]
async fn a_speaker_out_of_service_leaves_the_picture_alone_and_is_named() {
    let why = refused("503").await;
    assert!(why.contains("503") || why.contains("connection"), "{why}");
}

#[actix::test]
async fn a_speaker_that_says_nothing_leaves_the_picture_alone_and_is_named() {
    let why = refused("silent").await;
    assert!(why.contains("not answer"), "{why}");
}

#[actix::test]
async fn a_camera_that_takes_one_connection_leaves_the_picture_alone_and_is_named() {
    let why = refused("second").await;
    assert!(why.contains("closed") || why.contains("connection"), "{why}");
}

#[actix::test]
async fn a_camera_that_closes_in_mid_sentence_leaves_the_picture_alone_and_is_named() {
    let why = refused("close").await;
    assert!(why.contains("closed"), "{why}");
}

#[actix::test]
async fn garbage_that_is_said_leaves_the_picture_alone() {
    let door = Camera::start(with_speaker("pcmu")).await;
    let house = house(&camera("door", door.url(), "talk = 'rtsp'")).await;
    let mut words = AiortcPeer::start(peer(&house, "door").seconds(10.0).talk_flood(2_000));
    words.wait_for("first_frame").await;
    let outcome = words.outcome().await;
    let summary = outcome.summary();
    assert!(summary.talk_sent > 10_000 && summary.ended == "time", "{summary:?}");
    assert!(summary.fps > 3.5 && summary.longest_gap_ms(4_000.0) < 3_000.0, "{summary:?}");
}
