use proptest::prelude::*;

use super::*;

const DOORS: usize = 4;
/// Far more than what the doors, a hundred presses and a hundred notes take in an account of them.
const MOST: usize = 60_000;

#[derive(Debug, Clone)]
enum Step {
    /// Which doors there are, and of each whether it moves, is reachable and has another name.
    Report(Vec<Option<(bool, bool, bool)>>),
    /// A bell, and how old the press is already, ms.
    Press(usize, u16),
    /// What may go goes.
    Send,
    /// One of the parcels under way meets this; `true`: what was no success arrived all the same.
    Settle(usize, Outcome, bool),
    Resume,
    Grant,
    /// Ms.
    Pass(u32),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Delivered),
        1 => Just(Outcome::TokenBad),
        1 => Just(Outcome::SkillDisabled),
        1 => Just(Outcome::SkillNeverEnabled),
        1 => Just(Outcome::NoPermission),
        1 => Just(Outcome::NotFound),
        1 => Just(Outcome::TooLarge),
        2 => Just(Outcome::Throttled),
        2 => Just(Outcome::ServerTrouble),
        3 => Just(Outcome::Unreachable),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let door = proptest::option::weighted(0.8, any::<(bool, bool, bool)>());
    prop_oneof![
        4 => proptest::collection::vec(door, DOORS).prop_map(Step::Report),
        5 => (0..=DOORS, prop_oneof![Just(0), 0..40_000_u16]).prop_map(|(door, age)| Step::Press(door, age)),
        6 => Just(Step::Send),
        8 => (0..8_usize, outcome(), any::<bool>()).prop_map(|(at, how, came)| Step::Settle(at, how, came)),
        1 => Just(Step::Resume),
        1 => Just(Step::Grant),
        4 => prop_oneof![1..2000_u32, 1..40_000_u32].prop_map(Step::Pass),
        1 => (1..400_000_u32).prop_map(Step::Pass),
    ]
}

/// A stage that keeps an eye on what is sent.
struct Watched {
    stage: Stage,
    list: Vec<Endpoint>,
    under_way: Vec<Parcel>,
    /// By its unique stamp, when each press came.
    came: BTreeMap<OffsetDateTime, Instant>,
    /// The last press that was sent of each door, by when it came.
    last_sent: BTreeMap<String, Instant>,
}

impl Watched {
    fn new() -> Self {
        Self {
            stage: Stage::new(Reported::default()),
            list: Vec::new(),
            under_way: Vec::new(),
            came: BTreeMap::new(),
            last_sent: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        // No two steps are at the same moment, so no two presses are either.
        self.stage.pass(0.001);
        match step {
            Step::Report(doors) => {
                let doors = doors.iter().enumerate().filter_map(|(i, door)| Some((i, (*door)?)));
                self.list = doors.map(|(i, door)| endpoint(i, door)).collect();
                self.stage.report(&self.list);
            }
            Step::Press(door, age) => self.press(door, age),
            Step::Send => self.send(),
            Step::Settle(at, outcome, came) => self.settle(at, outcome, came),
            Step::Resume => self.stage.outbox.resume(),
            Step::Grant => self.stage.outbox.granted(self.stage.now.instant),
            Step::Pass(ms) => self.stage.pass(f64::from(ms) / 1000.0),
        }
        assert!(self.stage.size() < MOST, "{}", self.stage.size());
        assert!(self.stage.outbox.waiting().presses <= 100);
    }

    fn press(&mut self, door: usize, age: u16) {
        let number = i64::try_from(self.came.len()).unwrap();
        let age = time::Duration::milliseconds(i64::from(age) + 1) - time::Duration::nanoseconds(number);
        let at = self.stage.now.wall - age;
        self.came.insert(at, self.stage.now.instant);
        self.stage.press_stamped(&format!("door{door}"), &at.format(&Rfc3339).unwrap());
    }

    fn send(&mut self) {
        for parcel in self.stage.sent() {
            if let Content::Press { endpoint_id, at, .. } = &parcel.content {
                let now = self.stage.now;
                let came = self.came[at];
                assert!(now.wall - *at < time::Duration::seconds(30), "an old stamp was sent");
                assert!(now.instant - came < LONGEST_WAIT, "an old press was sent");
                let last = self.last_sent.insert(endpoint_id.clone(), came);
                assert!(last.is_none_or(|last| last <= came), "{endpoint_id}: the presses changed places");
                assert!(self.list.iter().any(|e| e.description.endpoint_id == *endpoint_id));
            }
            self.under_way.push(parcel);
        }
    }

    fn settle(&mut self, at: usize, outcome: Outcome, came: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let parcel = self.under_way.remove(at % self.under_way.len());
        // What cannot be split is given up, and then Alexa does not know it.
        let single = parcel.endpoint_id().is_some();
        let outcome = if outcome == Outcome::TooLarge && single { Outcome::Throttled } else { outcome };
        if came && matches!(outcome, Outcome::Unreachable | Outcome::ServerTrouble) {
            self.stage.alexa.take(&parcel.body("token"));
        }
        self.stage.settle(&parcel, outcome);
    }

    /// Alexa is well again.
    fn recover(&mut self) {
        while !self.under_way.is_empty() {
            self.settle(0, Outcome::Delivered, false);
        }
        if matches!(self.stage.outbox.standing(), Standing::SkillDisabled | Standing::NotFound) {
            self.stage.outbox.granted(self.stage.now.instant);
        }
        for _ in 0..2 {
            self.stage.report(&self.list);
            self.stage.live(self.stage.at() + 1000.0, Outcome::Delivered);
        }
    }

    fn alexa_knows_how_it_is(&self) {
        assert_eq!(self.stage.outbox.waiting(), Waiting::default());
        let ids = |endpoint: &Endpoint| endpoint.description.endpoint_id.clone();
        let listed: Vec<String> = self.list.iter().map(ids).collect();
        assert_eq!(self.stage.alexa.endpoints.keys().cloned().collect::<Vec<_>>(), listed);
        for endpoint in &self.list {
            let id = &endpoint.description.endpoint_id;
            let described = crate::alexa::discovery::endpoint(&endpoint.description);
            assert_eq!(self.stage.alexa.endpoints[id], described);
            for property in endpoint.state.properties(self.stage.now.wall) {
                let name = property["name"].as_str().unwrap();
                assert_eq!(self.stage.alexa.value(id, name), &property["value"], "{id} {name}");
            }
        }
    }
}

fn endpoint(door: usize, (motion, reachable, renamed): (bool, bool, bool)) -> Endpoint {
    let mut endpoint = moving(&format!("door{door}"), motion);
    endpoint.state.reachable = reachable;
    if renamed {
        endpoint.description.name = "Another".into();
    }
    endpoint
}

proptest! {
    #[test]
    fn whatever_happens_memory_is_bounded_presses_are_fresh_and_in_order_and_alexa_learns_the_truth(
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let mut house = Watched::new();
        for step in steps {
            house.step(step);
        }
        house.recover();
        house.alexa_knows_how_it_is();
    }
}
