//! What callers say, through the real worker program to the frames for the camera's speaker.

use std::time::{Duration, Instant};

use bytes::Bytes;
use doorstep::media::FeedEvent;
use doorstep::media::talk::{Duplex, EchoRule, SpeakerFormat, TalkReport, TalkSetup};
use doorstep::media::wire::{FromWorker, ToWorker};
use opusic_c::{Channels, Decoder, SampleRate};

use crate::fixture::speech_worker::{Caller, SpeechWorker, encoder, words};

/// µ-law, G.711: above -40 dBFS.
const LOUD: u8 = 0x2F;

fn setup(format: SpeakerFormat, echo: EchoRule, duplex: Duplex) -> TalkSetup {
    TalkSetup { format: Some(format), echo, duplex }
}

fn speech(told: &[(Instant, FromWorker)]) -> Vec<(Instant, &Bytes)> {
    told.iter()
        .filter_map(|(at, word)| if let FromWorker::Speech(frame) = word { Some((*at, frame)) } else { None })
        .collect()
}

fn is_loud(frame: &Bytes) -> bool {
    frame.iter().any(|byte| !byte & 0x7F > LOUD)
}

fn talks(told: &[(Instant, FromWorker)]) -> Vec<Option<u32>> {
    let talks = |word: &FromWorker| match word {
        FromWorker::Event(FeedEvent::Talks { talker }) => Some(*talker),
        _ => None,
    };
    told.iter().filter_map(|(_, word)| talks(word)).collect()
}

fn reports(told: &[(Instant, FromWorker)]) -> Vec<TalkReport> {
    let report = |word: &FromWorker| match word {
        FromWorker::Event(FeedEvent::Conversation(report)) => Some(*report),
        _ => None,
    };
    told.iter().filter_map(|(_, word)| report(word)).collect()
}

#[test]
fn the_speaker_gets_frames_from_the_first_word_to_five_seconds_after_the_last_and_none_else() {
    let mut worker = SpeechWorker::start(setup(SpeakerFormat::Pcmu, EchoRule::Off, Duplex::Full));
    let mut caller = Caller::new(7);
    for n in 0..400 {
        caller.send(&mut worker, (50..100).contains(&n));
        worker.microphone(n);
    }
    let told = worker.told();
    assert_eq!(talks(&told), [Some(7), None]);
    let frames = speech(&told);
    let open = frames.last().unwrap().0 - frames[0].0;
    let due = open.as_millis() as usize / 20 + 1;
    assert!((5_500..6_700).contains(&open.as_millis()), "open for {open:?}");
    assert!(frames.len().abs_diff(due) <= 5, "{} frames in {due} frame times", frames.len());
    assert!(frames.iter().all(|(_, frame)| frame.len() == 160));
    let loud = frames.iter().filter(|(_, frame)| is_loud(frame)).count();
    assert!((46..=56).contains(&loud), "{loud} of 50 frames of voice");
    assert!(frames.last().unwrap().1.iter().all(|byte| *byte == 0xFF));
    let told = reports(&told);
    assert!((6..=8).contains(&told.len()), "{told:?}");
    assert!(told[0].talker == Some(7) && told[0].speaker_dbfs > -30.0, "{:?}", told[0]);
    assert!(told.last().unwrap().talker.is_none());
}

#[test]
fn a_word_is_at_the_speaker_in_no_time() {
    let mut worker = SpeechWorker::start(setup(SpeakerFormat::Pcmu, EchoRule::On, Duplex::Full));
    let mut caller = Caller::new(7);
    // Opened by a first word.
    let is_voiced = |n: i64| n < 25 || n % 25 >= 15;
    let mut sent = Vec::new();
    let began = worker.cpu();
    for n in 0..1_500 {
        let at = caller.send(&mut worker, is_voiced(n));
        if is_voiced(n) && n > 25 && !is_voiced(n - 1) {
            sent.push(at);
        }
        worker.microphone(n);
    }
    let cpu = (worker.cpu() - began) / 30.0;
    let told = worker.told();
    let frames = speech(&told);
    let heard = frames
        .windows(4)
        .filter(|four| four[..3].iter().all(|(_, frame)| !is_loud(frame)) && is_loud(four[3].1));
    let heard: Vec<Instant> = heard.map(|four| four[3].0).collect();
    let mut latencies: Vec<u128> = sent
        .iter()
        .filter_map(|sent| heard.iter().find(|heard| *heard > sent).map(|heard| (*heard - *sent).as_millis()))
        .collect();
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
    println!(
        "{} words: median {} ms, p90 {}, most {}; {cpu:.4} of a core",
        sent.len(),
        at(50),
        at(90),
        at(100)
    );
    assert!(latencies.len() + 3 >= sent.len(), "{} of {} words", latencies.len(), sent.len());
    // What a starved machine still holds.
    assert!(at(50) <= 150, "{latencies:?}");
}

#[test]
fn garbage_and_ten_thousand_packets_a_second_leave_the_talker_and_the_worker_alone() {
    let mut worker = SpeechWorker::start(setup(SpeakerFormat::Pcma, EchoRule::Off, Duplex::Full));
    let mut caller = Caller::new(7);
    let mut flood = 0_u32;
    for n in 0..150 {
        caller.send(&mut worker, true);
        worker.microphone(n);
        for _ in 0..20 {
            // A few at a time: as they come from a socket.
            std::thread::sleep(Duration::from_micros(200));
            for _ in 0..10 {
                flood = flood.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let opus = Bytes::from(vec![(flood >> 24) as u8; (flood >> 16) as usize % 1_400]);
                let (sequence, timestamp) = ((flood >> 8) as u16, flood);
                worker.say(ToWorker::Talk { talker: 8 + flood % 3, opus, sequence, timestamp });
            }
        }
    }
    (8..11).for_each(|talker| worker.say(ToWorker::Leave { talker }));
    for n in 0..100 {
        caller.send(&mut worker, n % 2 == 0);
    }
    let told = worker.told();
    assert!(worker.child.try_wait().unwrap().is_none(), "it died");
    assert!(talks(&told).contains(&Some(7)), "{:?}", talks(&told));
    let frames = speech(&told);
    assert!(frames.len() >= 200, "{} frames", frames.len());
}

#[test]
fn each_format_has_a_frame_in_each_of_its_frame_times() {
    for format in [SpeakerFormat::Opus, SpeakerFormat::Aac { rate: 16_000, channels: 1 }] {
        let mut worker = SpeechWorker::start(setup(format, EchoRule::Off, Duplex::Full));
        let mut caller = Caller::new(7);
        (0..150).for_each(|_| {
            caller.send(&mut worker, true);
        });
        let told = worker.told();
        let frames = speech(&told);
        let open = (frames.last().unwrap().0 - frames[0].0).as_secs_f64();
        let due = open * f64::from(format.clock_rate()) / f64::from(format.frame_ticks()) + 1.0;
        assert!((frames.len() as f64 - due).abs() <= 4.0, "{format:?}: {} frames, {due} due", frames.len());
    }
}

#[test]
fn a_cameras_opus_is_passed_on_as_it_is_unless_something_is_to_be_taken_out_of_it() {
    let mut encoder = encoder();
    let packets: Vec<Bytes> = (0..100).map(|n| words(&mut encoder, n, true)).collect();
    let copied = |echo, duplex| {
        let passed = SpeechWorker::start(setup(SpeakerFormat::Opus, echo, duplex)).pass_opus(&packets);
        // A machine that is busy elsewhere loses some; what counts is what comes through.
        assert!(passed.len() >= 40, "{} of 100 packets", passed.len());
        passed.iter().all(|packet| packets.contains(packet))
    };
    assert!(copied(EchoRule::Off, Duplex::Full));
    assert!(!copied(EchoRule::On, Duplex::Full));
    assert!(!copied(EchoRule::Off, Duplex::Half), "it must be possible to hold the microphone down");
}

#[test]
fn in_half_duplex_the_microphone_is_held_down_while_somebody_talks_to_it() {
    let mut worker = SpeechWorker::start(setup(SpeakerFormat::Pcmu, EchoRule::Off, Duplex::Half));
    let mut caller = Caller::new(7);
    // 1 kHz at about -20 dBFS, so steady that it is nobody's voice.
    let hum = Bytes::from([0xFF, 0xAA, 0xA2, 0xAA, 0x7F, 0x2A, 0x22, 0x2A].repeat(20));
    let mut second = |worker: &mut SpeechWorker, voiced: bool| {
        for _ in 0..100 {
            caller.send(worker, voiced);
            worker.microphone_hears(i64::from(caller.sent), hum.clone());
        }
        let told = worker.told();
        let mut decoder = Decoder::new(Channels::Mono, SampleRate::Hz48000).unwrap();
        let mut levels = Vec::new();
        for (_, word) in &told {
            if let FromWorker::Sound { opus, .. } = word {
                let mut samples = [0.0; 960];
                decoder.decode_float_to_slice(opus, &mut samples, false).unwrap();
                levels.push(10.0 * (samples.iter().map(|s| s * s).sum::<f32>() / 960.0 + 1e-10).log10());
            }
        }
        (levels[levels.len() - 10], reports(&told))
    };
    let (before, _) = second(&mut worker, false);
    let (during, told) = second(&mut worker, true);
    let (after, _) = second(&mut worker, false);
    assert!(before > -30.0 && during < -60.0 && after > -30.0, "{before} {during} {after} dBFS");
    let last = told.last().unwrap();
    assert!(last.duplex == Duplex::Half && last.microphone_dbfs > last.passed_dbfs + 20.0, "{last:?}");
}
