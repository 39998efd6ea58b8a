//! Whatever happens in the hub, in whatever chunks it is told: the model ends where the hub is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::true_hub::TrueHub;
use super::*;
use crate::hub::RelayNews;

#[derive(Debug, Clone)]
pub(super) enum Happening {
    State(usize, u8),
    Press(usize),
    Name(usize, u8),
    Rename(usize, u8),
    Enable(usize, bool),
    Move(usize, Option<usize>),
    Area(usize, u8),
    /// A camera is set up anew, and streams in another way.
    SetUp(usize, u8),
    OpenLine(LineId),
    CloseLine(LineId),
    /// A session fails after it was opened.
    Fail(usize),
    Deliver(u8),
    Wait(u16),
    Lose,
}

const ENTITIES: usize = 9;

fn happening() -> impl Strategy<Value = Happening> {
    let which = 0..ENTITIES;
    prop_oneof![
        4 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::State(which, to)),
        2 => (5..7_usize).prop_map(Happening::Press),
        1 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::Name(which, to)),
        2 => (which.clone(), any::<u8>()).prop_map(|(which, to)| Happening::Rename(which, to)),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, to)| Happening::Enable(which, to)),
        1 => (which, prop::option::of(0..4_usize)).prop_map(|(which, to)| Happening::Move(which, to)),
        1 => (0..4_usize, any::<u8>()).prop_map(|(which, to)| Happening::Area(which, to)),
        2 => (0..4_usize, any::<u8>()).prop_map(|(which, to)| Happening::SetUp(which, to)),
        2 => (0..6_u64).prop_map(Happening::OpenLine),
        2 => (0..6_u64).prop_map(Happening::CloseLine),
        1 => (0..3_usize).prop_map(Happening::Fail),
        6 => (1..6_u8).prop_map(Happening::Deliver),
        3 => (0..3000_u16).prop_map(Happening::Wait),
        1 => Just(Happening::Lose),
    ]
}

/// A model and the true hub, over a wire that packs up to `chunk` messages into a frame.
struct Wire {
    hub: TrueHub,
    model: Model,
    now: Instant,
    chunk: usize,
    presses: Vec<Ring>,
    /// What was told of each line, in order.
    lines: BTreeMap<LineId, Vec<LineNews>>,
    closed: BTreeSet<LineId>,
}

impl Wire {
    fn new(hub: TrueHub, now: Instant, chunk: usize) -> Self {
        let mut wire = Self {
            hub,
            model: Model::new(Vec::new()),
            now,
            chunk,
            presses: Vec::new(),
            lines: BTreeMap::new(),
            closed: BTreeSet::new(),
        };
        wire.connect();
        wire
    }

    fn connect(&mut self) {
        self.hub.forget();
        self.model.on_open(self.now);
        self.model.on_message(r#"{"type":"auth_ok","ha_version":"1"}"#, self.now);
        self.send();
    }

    fn send(&mut self) {
        self.presses.extend(self.model.presses());
        for (line, news) in self.model.line_news() {
            self.lines.entry(line).or_default().push(news);
        }
        for outgoing in self.model.outgoing() {
            let Outgoing::Text(text) = outgoing else { panic!("{outgoing:?}") };
            self.hub.answer(&serde_json::from_str(&text).unwrap());
        }
    }

    fn deliver(&mut self, most: usize) {
        let mut left = most;
        while left > 0 && !self.hub.unheard.is_empty() {
            let count = self.chunk.min(left).min(self.hub.unheard.len());
            let messages: Vec<_> = self.hub.unheard.drain(..count).collect();
            left -= count;
            let frame = if count == 1 { messages[0].clone() } else { Value::Array(messages) };
            self.model.on_message(&frame.to_string(), self.now);
            self.send();
        }
    }

    /// The wire delivers in ticks, whatever the model waits for.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let tick = (self.now + Duration::from_millis(50)).min(end);
            while let Some(at) = self.model.next_timeout().filter(|at| *at <= tick) {
                self.now = self.now.max(at);
                self.model.on_timeout(self.now);
                self.send();
            }
            self.now = tick;
            self.deliver(usize::MAX);
        }
    }

    fn run(&mut self, happenings: &[Happening]) {
        for happening in happenings {
            match happening {
                Happening::Deliver(most) => self.deliver(usize::from(*most)),
                Happening::Wait(ms) => self.wait(Duration::from_millis(u64::from(*ms))),
                Happening::Lose => {
                    self.model.on_lost("lost", false);
                    self.connect();
                }
                // A name is given once only.
                Happening::OpenLine(line) if !self.lines.contains_key(line) => {
                    self.lines.insert(*line, Vec::new());
                    let fields = Map::from_iter([("offer".to_owned(), json!(line.to_string()))]);
                    self.model.open_line(*line, fields, self.now);
                    self.send();
                }
                Happening::CloseLine(line) if self.lines.contains_key(line) => {
                    self.closed.insert(*line);
                    self.model.close_line(*line, self.now);
                    self.send();
                }
                other => self.hub.happen(other),
            }
        }
        self.deliver(usize::MAX);
        self.wait(Duration::from_secs(12));
    }

    /// The snapshot, without what is remembered of cameras that the hub cannot be asked about now.
    fn shown(&self) -> HubSnapshot {
        let mut shown = HubSnapshot::clone(self.model.snapshot());
        let entities = shown.cameras.iter_mut().flat_map(|camera| &mut camera.entities);
        entities.filter(|entity| !entity.available).for_each(|entity| entity.ways = None);
        shown
    }

    /// Sessions that neither side has ended.
    fn going_on(&self) -> usize {
        let ended = |news: &&LineNews| matches!(news, LineNews::Ended(_));
        let goes_on = |(line, news): &(&LineId, &Vec<LineNews>)| {
            !self.closed.contains(line) && news.last().as_ref().is_none_or(|last| !ended(last))
        };
        self.lines.iter().filter(goes_on).count()
    }
}

/// Opened, then its own news, then its end: each at most once and in this order.
fn is_whole(line: LineId, news: &[LineNews]) -> bool {
    let is_end = |news: &LineNews| matches!(news, LineNews::Ended(_));
    let middle = match news {
        [] => return true,
        [LineNews::Opened, middle @ .., last] if is_end(last) => middle,
        [LineNews::Opened, middle @ ..] => middle,
        only => return only.len() == 1 && is_end(&only[0]),
    };
    middle.iter().all(|news| match news {
        LineNews::Relay(RelayNews::Answer(answer)) => *answer == line.to_string(),
        LineNews::Relay(RelayNews::Failed { .. }) => true,
        _ => false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_happenings_in_any_chunks_end_in_the_hubs_true_state(
        happenings in prop::collection::vec(happening(), 0..60),
        chunk in 1..20_usize,
    ) {
        let now = Instant::now();
        let mut packed = Wire::new(TrueHub::new(), now, chunk);
        packed.run(&happenings);
        let mut single = Wire::new(TrueHub::new(), now, 1);
        single.run(&happenings);
        let mut fresh = Wire::new(packed.hub.clone(), packed.now, 1);
        fresh.run(&[]);
        prop_assert_eq!(fresh.model.snapshot().link.clone(), Link::Running);
        prop_assert_eq!(packed.shown(), fresh.shown());
        prop_assert_eq!(single.shown(), fresh.shown());
        for wire in [&packed, &single] {
            prop_assert!(wire.lines.iter().all(|(line, news)| is_whole(*line, news)), "{:?}", wire.lines);
            prop_assert_eq!(wire.hub.sessions.len(), wire.going_on(), "{:?}", wire.lines);
        }
        // A loss may cut off what makes a bell known, sooner in one packing than in the other.
        if !happenings.iter().any(|happening| matches!(happening, Happening::Lose)) {
            prop_assert_eq!(packed.presses, single.presses);
        }
    }

    /// Nothing a hub may send ends in a panic or in a command without end.
    #[test]
    fn no_text_breaks_the_model(texts in prop::collection::vec(".{0,80}", 0..8), ids in prop::collection::vec(0..9_u64, 8)) {
        let now = Instant::now();
        let mut model = Model::new(Vec::new());
        model.on_open(now);
        model.on_message(r#"{"type":"auth_ok"}"#, now);
        for (text, id) in texts.iter().zip(ids) {
            model.on_message(text, now);
            for message in [json!({"type": "event", "id": id, "event": {"a": {"camera.x": {"s": text, "a": {text: text}}}}}),
                json!({"type": "event", "id": id, "event": {"c": {"camera.x": {"+": {"s": text, "lc": 1e300}}, text: {}}}}),
                json!({"type": "result", "id": id, "success": true, "result": {text: [text], "entities": [text]}})]
            {
                model.on_message(&message.to_string(), now);
            }
        }
        prop_assert!(model.outgoing().len() < 20);
    }
}
