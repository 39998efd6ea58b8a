//! What callers say, through the real worker program to the frames for the camera's speaker.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use doorstep::media::FeedEvent;
use doorstep::media::fetch::{Form, PictureCodec, SoundCodec};
use doorstep::media::talk::{Duplex, EchoRule, SpeakerFormat, TalkReport, TalkSetup};
use doorstep::media::wire::{self, FromWorker, PieceKind, ToWorker, WireSource};
use opusic_c::{Application, Channels, Encoder, SampleRate};

const FRAME: Duration = Duration::from_millis(20);
/// µ-law, G.711: above -40 dBFS.
const LOUD: u8 = 0x2F;

/// A worker whose camera is handed over, with sound only.
struct Worker {
    child: Child,
    told: Receiver<(Instant, FromWorker)>,
}

impl Worker {
    fn start(setup: TalkSetup) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorstep-media"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (to, told) = channel();
        std::thread::spawn(move || {
            while let Ok(Some(frame)) = wire::read_frame(&mut stdout) {
                if to.send((Instant::now(), FromWorker::decode(frame).unwrap())).is_err() {
                    return;
                }
            }
        });
        let mut worker = Self { child, told };
        worker.say(ToWorker::Hello { version: wire::VERSION });
        let source = WireSource::Handed;
        worker.say(ToWorker::Open { camera: "Front door".into(), source, max_kbps: 2_500 });
        let form = Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Pcmu) };
        worker.say(ToWorker::Begin { form, pictures: false });
        worker.say(ToWorker::Speaker { setup: Some(setup) });
        worker
    }

    fn say(&mut self, word: ToWorker) {
        let frame = word.encode().unwrap();
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).unwrap();
        stdin.write_all(&frame).unwrap();
    }

    /// 20 ms of a microphone that hears nothing.
    fn microphone(&mut self, n: i64) {
        let data = Bytes::from_static(&[0xFF; 160]);
        self.say(ToWorker::Piece { kind: PieceKind::Sound, ticks: n * 160, data });
    }

    /// The camera's sound is Opus, and it sends these packets; those that came out of the worker.
    fn pass_opus(&mut self, packets: &[Bytes]) -> Vec<Bytes> {
        let form = Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Opus) };
        self.say(ToWorker::Begin { form, pictures: false });
        for (n, data) in (0_i64..).zip(packets) {
            self.say(ToWorker::Piece { kind: PieceKind::Sound, ticks: n * 960, data: data.clone() });
            std::thread::sleep(FRAME);
        }
        let told = self.told();
        let sounds = told.into_iter().filter_map(|(_, word)| match word {
            FromWorker::Sound { opus, .. } if opus.len() > 3 => Some(opus),
            _ => None,
        });
        sounds.collect()
    }

    fn told(&self) -> Vec<(Instant, FromWorker)> {
        self.told.try_iter().collect()
    }

    /// Seconds of a core that it has used.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// 20 ms of a voice, or of silence.
fn say(encoder: &mut Encoder, n: u32, voiced: bool) -> Bytes {
    let tone = |n: u32, hertz: f32| (n as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin();
    let samples: Vec<f32> = (n * 960..(n + 1) * 960)
        .map(|n| if voiced { 0.15 * tone(n, 200.0) + 0.1 * tone(n, 900.0) } else { 0.0 })
        .collect();
    let mut packet = [0; 1_500];
    let length = encoder.encode_float_to_slice(&samples, &mut packet).unwrap();
    Bytes::copy_from_slice(&packet[..length])
}

fn encoder() -> Encoder {
    Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip).unwrap()
}

/// Who calls, and has a clock of 20 ms.
struct Caller {
    talker: u32,
    encoder: Encoder,
    sent: u32,
    began: Instant,
}

impl Caller {
    fn new(talker: u32) -> Self {
        Self { talker, encoder: encoder(), sent: 0, began: Instant::now() }
    }

    /// The next 20 ms, when it is time for them: a voice, or silence. When it was sent.
    fn send(&mut self, worker: &mut Worker, voiced: bool) -> Instant {
        let due = self.began + FRAME * self.sent;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let opus = say(&mut self.encoder, self.sent, voiced);
        let (sequence, timestamp) = (self.sent as u16, self.sent.wrapping_mul(960));
        worker.say(ToWorker::Talk { talker: self.talker, opus, sequence, timestamp });
        self.sent += 1;
        Instant::now()
    }
}

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
    let mut worker = Worker::start(setup(SpeakerFormat::Pcmu, EchoRule::Off, Duplex::Full));
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
    let mut worker = Worker::start(setup(SpeakerFormat::Pcmu, EchoRule::On, Duplex::Full));
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
    let mut worker = Worker::start(setup(SpeakerFormat::Pcma, EchoRule::Off, Duplex::Full));
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
        let mut worker = Worker::start(setup(format, EchoRule::Off, Duplex::Full));
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
    let packets: Vec<Bytes> = (0..100).map(|n| say(&mut encoder, n, true)).collect();
    let copied = |echo, duplex| {
        let passed = Worker::start(setup(SpeakerFormat::Opus, echo, duplex)).pass_opus(&packets);
        assert!(passed.len() >= 80, "{} of 100 packets", passed.len());
        passed.iter().all(|packet| packets.contains(packet))
    };
    assert!(copied(EchoRule::Off, Duplex::Full));
    assert!(!copied(EchoRule::On, Duplex::Full));
    assert!(!copied(EchoRule::Off, Duplex::Half), "it must be possible to hold the microphone down");
}
