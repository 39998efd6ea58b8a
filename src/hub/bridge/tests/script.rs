//! The bridge over scripted connections, on a clock that the tests set: hours pass in moments.

use std::io;

use futures_util::FutureExt;

use super::dialer::{Connect, Wire};
use super::*;

const STEP: Duration = Duration::from_millis(500);

/// A bridge, its hub, and their time.
struct Stage {
    bridge: Bridge,
    mood: Arc<Mutex<Mood>>,
    tries: Arc<Mutex<Vec<Instant>>>,
    say: broadcast::Sender<String>,
    clock: watch::Sender<Instant>,
}

impl Stage {
    fn set(mood: Mood) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        Self::waking(mood, Woken(wakes.clone()).start().recipient(), wakes)
    }

    fn waking(mood: Mood, wake: Recipient<HubChanged>, wakes: Arc<AtomicUsize>) -> Self {
        let (clock, now) = watch::channel(Instant::now());
        let (mood, tries) = (Arc::new(Mutex::new(mood)), Arc::new(Mutex::new(Vec::new())));
        let say = broadcast::channel(64).0;
        let connect: Connect = {
            let (mood, tries, say, now) = (mood.clone(), tries.clone(), say.clone(), now.clone());
            Box::new(move |host, port| {
                assert_eq!((host.as_str(), port), ("hub", 8123));
                tries.lock().unwrap().push(*now.borrow());
                let (mood, told) = (*mood.lock().unwrap(), say.subscribe());
                async move {
                    if mood == Mood::IsDown {
                        return Err(io::ErrorKind::ConnectionRefused.into());
                    }
                    let (near, far) = tokio::io::duplex(64 * 1024);
                    tokio::spawn(serve(far, mood, told));
                    Ok(Box::new(near) as Box<dyn Wire>)
                }
                .boxed()
            })
        };
        let config = BridgeConfig {
            url: Url::parse("http://hub:8123").unwrap(),
            token: SecretString::from(TOKEN),
            ca_file: None,
            direct: None,
        };
        let (sender, presses) = mpsc::channel(2);
        let dialer = Dialer::new(config, connect, Clock::Set(now));
        let addr = HubBridge::over(dialer, wake, sender).start();
        Self { bridge: Bridge { addr, presses, wakes }, mood, tries, say, clock }
    }

    fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn tries(&self) -> usize {
        self.tries.lock().unwrap().len()
    }

    async fn link(&self) -> Link {
        self.bridge.snapshot().await.link
    }

    /// Time passes step by step, and at each everybody does what there is to do.
    async fn pass(&self, seconds: u64) {
        let end = *self.clock.borrow() + Duration::from_secs(seconds);
        loop {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            if *self.clock.borrow() >= end {
                return;
            }
            self.clock.send_modify(|now| *now += STEP);
        }
    }

    /// Most tries within any minute.
    fn most_in_a_minute(&self) -> usize {
        let tries = self.tries.lock().unwrap();
        let minute = Duration::from_secs(59);
        let within =
            |first: &Instant| tries.iter().filter(|at| *at >= first && **at - *first < minute).count();
        tries.iter().map(within).max().unwrap()
    }
}

#[actix::test]
async fn a_half_open_link_is_found_out_within_forty_seconds_and_made_anew() {
    let stage = Stage::set(Mood::Good);
    stage.pass(1).await;
    assert_eq!(stage.link().await, Link::Running);
    stage.say.send("silence".into()).unwrap();
    stage.pass(38).await;
    assert_eq!((stage.link().await, stage.tries()), (Link::Running, 1));
    stage.pass(4).await;
    assert_eq!((stage.link().await, stage.tries()), (Link::Running, 2));
}

#[actix::test]
async fn a_token_that_was_taken_back_is_shown_twelve_times_an_hour_at_most_until_it_is_good_again() {
    for mood in [Mood::RefusesTokens, Mood::Forbids] {
        let stage = Stage::set(Mood::Good);
        stage.pass(1).await;
        assert_eq!(stage.link().await, Link::Running);
        // The hub closes without a word.
        stage.is_now(mood);
        stage.say.send("close".into()).unwrap();
        stage.pass(5).await;
        assert!(matches!(stage.link().await, Link::Refused(_)));
        assert_eq!(stage.bridge.snapshot().await.cameras.len(), 1);
        let before = stage.tries();
        stage.pass(3600).await;
        let tries = stage.tries() - before;
        assert!((10..=12).contains(&tries), "{tries}");
        stage.is_now(Mood::Good);
        stage.pass(311).await;
        assert_eq!(stage.link().await, Link::Running);
    }
}

#[actix::test]
async fn a_hub_that_is_away_or_mute_or_behind_a_proxy_that_says_so_is_tried_ten_times_a_minute_at_most() {
    for mood in [Mood::ClosesAtOnce, Mood::IsDown, Mood::BadGateway, Mood::SaysNothing] {
        let stage = Stage::set(mood);
        stage.pass(600).await;
        assert!(matches!(stage.link().await, Link::Down(_)), "no refusal: nobody looked at the token");
        let (most, all) = (stage.most_in_a_minute(), stage.tries());
        assert!(most <= 10 && all >= 20, "{most} {all}");
        stage.is_now(Mood::Good);
        // The longest pause, and a try that was begun before.
        stage.pass(75).await;
        assert_eq!(stage.link().await, Link::Running);
    }
}

#[actix::test]
async fn after_each_of_fifty_restarts_all_is_known_again_within_five_seconds() {
    let stage = Stage::set(Mood::Good);
    stage.pass(1).await;
    for restart in 0..50 {
        stage.is_now(Mood::IsDown);
        stage.say.send("close".into()).unwrap();
        stage.pass(3 + restart % 35).await;
        assert!(matches!(stage.link().await, Link::Down(_)));
        stage.is_now(Mood::Good);
        stage.pass(5).await;
        assert_eq!(stage.link().await, Link::Running, "restart {restart}");
        assert_eq!(stage.bridge.snapshot().await.cameras.len(), 1);
        // A home does not restart its hub without end.
        stage.pass(60).await;
    }
    assert!(stage.most_in_a_minute() <= 10);
}

#[actix::test]
async fn the_hubs_own_pings_are_answered() {
    let stage = Stage::set(Mood::Good);
    stage.pass(1).await;
    stage.say.send("ping".into()).unwrap();
    stage.pass(1).await;
    assert!(!stage.bridge.snapshot().await.cameras[0].entities[0].available, "the hub has heard the answer");
}

/// A Registry that never gets to its messages.
struct Stuck;

impl Actor for Stuck {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1);
    }
}

impl Handler<HubChanged> for Stuck {
    type Result = ();

    fn handle(&mut self, _: HubChanged, ctx: &mut Self::Context) {
        ctx.wait(actix::fut::wrap_future(std::future::pending()));
    }
}

#[actix::test]
async fn a_storm_of_changes_is_read_to_its_end_though_the_registry_is_stuck() {
    let mut stage = Stage::waking(Mood::Good, Stuck.start().recipient(), Arc::default());
    stage.pass(1).await;
    assert_eq!(stage.link().await, Link::Running);
    // Far more than the connection holds, so the hub gets rid of it only if all of it is read.
    stage.say.send("storm".into()).unwrap();
    stage.say.send(press_at(10)).unwrap();
    let press = timeout(Duration::from_secs(20), stage.bridge.presses.recv()).await.unwrap().unwrap();
    assert_eq!(press.endpoint_id, "hub#d1");
    stage.pass(1).await;
    assert!(!stage.bridge.snapshot().await.cameras[0].entities[0].available);
    assert_eq!((stage.link().await, stage.tries()), (Link::Running, 1));
}
