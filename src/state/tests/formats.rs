//! Versions that know other formats take over from each other.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;
use crate::config::formats::copy_of;

const FIRST: Formats<Document> = Formats::new(&[]);
/// Renames a list, as a later version might.
const SECOND: Formats<Document> = Formats::new(&[rename]);
const THIRD: Formats<Document> = Formats::new(&[rename, |document| {
    document.insert("third".into(), true.into());
}]);

fn rename(document: &mut Document) {
    // Not lost by who does not know it, and not what the first one reads.
    if let Some(reported) = document.remove("reported") {
        document.insert("told".into(), reported);
    }
}

struct Data(tempfile::TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, formats: Formats<Document>) -> (Arc<State>, Vec<String>) {
        State::open_in(self.0.path(), formats)
    }

    /// Opens without any complaint, does something, and leaves.
    fn run<T>(&self, formats: Formats<Document>, work: impl FnOnce(&State) -> T) -> T {
        let (state, problems) = self.open(formats);
        assert_eq!(problems, [""; 0]);
        let result = work(&state);
        assert!(state.flush(), "{:?}", state.problems());
        result
    }

    /// Opens what a newer version wrote, and leaves.
    fn run_older<T>(&self, formats: Formats<Document>, work: impl FnOnce(&State) -> T) -> T {
        let (state, problems) = self.open(formats);
        assert!(problems.len() == 1 && problems[0].contains("written by a newer Doorstep"), "{problems:?}");
        let result = work(&state);
        assert!(state.flush(), "{:?}", state.problems());
        result
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap_or_default()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(name)).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }
}

fn users(state: &State) -> Vec<String> {
    state.links().into_iter().map(|link| link.user_id).collect()
}

fn token(state: &State) -> String {
    state.door_token().expose_secret().to_owned()
}

#[test]
fn an_older_state_is_brought_to_todays_format_and_kept_as_it_was() {
    let data = Data::new();
    let door_token = data.run(FIRST, |state| {
        state.link("u1", "Ann");
        state.set_reported(json!({ "yard": 1 }));
        token(state)
    });
    let before = data.bytes("state.json");
    data.run(THIRD, |state| assert_eq!((users(state), token(state)), (vec!["u1".into()], door_token)));
    let now = data.json("state.json");
    let of = |key: &str| now[key].clone();
    assert_eq!([of("format"), of("told"), of("third")], [json!(3), json!({ "yard": 1 }), json!(true)]);
    assert_eq!(data.bytes("state.json.format-1"), before);
    let mode = std::fs::metadata(data.0.path().join("state.json.format-1")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(data.json("state.json.good"), now);
    data.run(THIRD, |_| ());
    assert_eq!(data.json("state.json"), now, "once is enough");
}

#[test]
fn a_newer_state_is_kept_for_who_wrote_it_and_the_copy_from_before_is_used() {
    let data = Data::new();
    let door_token = data.run(FIRST, |state| {
        assert!(state.link("u1", "Ann"));
        token(state)
    });
    data.run(SECOND, |state| {
        state.open_linking();
        assert!(state.link("u2", "Bob"));
    });
    let newer = data.bytes("state.json");
    data.run_older(FIRST, |state| {
        assert_eq!((users(state), token(state)), (vec!["u1".to_owned()], door_token.clone()));
        assert!(!state.linking_open());
        state.switch("yard", false);
    });
    assert_eq!(data.bytes("state.json.format-2"), newer);
    data.run(FIRST, |state| assert_eq!(state.switched_off().len(), 1, "no more complaints"));
    data.run(SECOND, |state| {
        assert_eq!((users(state), token(state)), (vec!["u1".into(), "u2".into()], door_token.clone()));
        assert_eq!(state.switched_off().into_iter().collect::<Vec<_>>(), ["yard"]);
    });
    assert!(!data.has("state.json.format-2"));
    assert_eq!(data.json("state.json.format-1")["switched_off"], json!(["yard"]));
}

/// Ann and Bob were linked before an upgrade, and Ann was revoked after the way back.
fn one_revoked_by_an_older_version() -> Data {
    let data = Data::new();
    data.run(FIRST, |state| {
        assert!(state.link("u1", "Ann"));
        state.open_linking();
        assert!(state.link("u2", "Bob"));
    });
    data.run(SECOND, |_| ());
    data.run_older(FIRST, |state| assert!(state.revoke("u1")));
    data
}

#[test]
fn who_was_revoked_while_an_older_version_ran_does_not_come_back_however_often_versions_change() {
    let data = one_revoked_by_an_older_version();
    for _ in 0..3 {
        data.run(SECOND, |state| assert_eq!(users(state), ["u2"]));
        data.run(THIRD, |state| assert_eq!(users(state), ["u2"]));
        data.run_older(FIRST, |state| assert_eq!(users(state), ["u2"]));
    }
}

#[test]
fn who_was_revoked_does_not_come_back_with_a_version_that_was_skipped_on_the_way_up() {
    let data = one_revoked_by_an_older_version();
    data.run(THIRD, |state| assert_eq!(users(state), ["u2"]));
    data.run_older(SECOND, |state| assert_eq!(users(state), ["u2"]));
}

#[test]
fn without_a_copy_a_newer_state_leaves_a_closed_house_and_is_whole_again_for_who_wrote_it() {
    let data = Data::new();
    let door_token = data.run(SECOND, |state| {
        assert!(state.link("u1", "Ann"));
        token(state)
    });
    data.run_older(FIRST, |state| {
        assert!(!state.linking_open() && !state.link("thief", "T") && users(state).is_empty());
        assert_ne!(token(state), door_token);
    });
    data.run(SECOND, |state| assert_eq!((users(state), token(state)), (vec!["u1".into()], door_token)));
}

#[test]
fn a_format_that_is_none_is_damage_and_a_huge_one_is_a_newer_version() {
    for (format, is_newer) in [
        ("\"1\"", false),
        ("-1", false),
        ("0", false),
        ("1.5", false),
        ("1e40", false),
        ("18446744073709551615", true),
    ] {
        let data = Data::new();
        let text = format!(r#"{{"format": {format}, "door_token": "canary", "links": []}}"#);
        put(&data.0, "state.json", &text);
        let (state, problems) = data.open(FIRST);
        assert!(problems.len() == 1 && !problems[0].contains("canary"), "{problems:?}");
        assert!(!state.linking_open() && token(&state) != "canary", "{format}");
        assert!(state.flush());
        let aside =
            if is_newer { format!("state.json.format-{format}") } else { "state.json.damaged".into() };
        assert_eq!(data.bytes(&aside), text.as_bytes(), "{format}");
    }
}

#[test]
fn a_lost_file_of_a_newer_version_leaves_its_copy_to_that_version() {
    for lost in [None, Some("")] {
        let data = Data::new();
        data.run(FIRST, |state| assert!(state.link("u1", "Ann")));
        data.run(SECOND, |state| state.switch("yard", false));
        let newer = data.bytes("state.json.good");
        std::fs::remove_file(data.0.path().join("state.json")).unwrap();
        lost.inspect(|text| put(&data.0, "state.json", text));
        let (state, problems) = data.open(FIRST);
        assert_eq!((users(&state), problems.len()), (vec!["u1".to_owned()], 1), "{problems:?}");
        assert!(state.flush());
        assert_eq!(data.bytes("state.json.format-2"), newer);
    }
}

#[test]
fn where_the_older_file_cannot_be_kept_nothing_is_written_over_it_and_that_is_told() {
    for (wrote, reads) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let data = Data::new();
        data.run(wrote, |state| assert!(state.link("u1", "Ann")));
        let before = data.bytes("state.json");
        // No file can take the place of a folder.
        std::fs::create_dir(copy_of(&data.0.path().join("state.json"), wrote.today())).unwrap();
        let (state, _) = data.open(reads);
        state.switch("yard", false);
        assert!(!state.flush() && state.switched_off().len() == 1);
        let told = state.problems().join(" ");
        assert!(told.contains("not saved") && told.contains("state.json"), "{told}");
        assert_eq!(data.bytes("state.json"), before);
    }
}

#[test]
fn what_the_disk_keeps_from_us_is_not_taken_for_damage() {
    let data = Data::new();
    // As good as a file of another user, to who may read everything.
    std::fs::create_dir(data.0.path().join("state.json")).unwrap();
    let (state, problems) = data.open(FIRST);
    assert!(problems.len() == 1 && problems[0].contains("cannot be read"), "{problems:?}");
    assert!(!state.linking_open() && !state.flush());
    assert!(data.0.path().join("state.json").is_dir() && !data.has("state.json.good"));
}

/// Names the folder to the child; its absence makes the child's test an empty one.
const FOLDER: &str = "DOORSTEP_FORMATS_FOLDER";

/// The child: two versions take over from each other until it is killed.
#[test]
fn takes_over_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    for round in 0u64.. {
        for formats in [FIRST, SECOND] {
            let (state, _) = State::open_in(Path::new(&folder), formats);
            assert!(state.is_linked("u1"));
            state.set_reported(json!(round));
            state.flush();
        }
        println!("\nround {round}");
    }
}

#[test]
fn killed_at_any_moment_of_a_change_of_versions_links_and_door_token_are_there_for_both() {
    let data = Data::new();
    let door_token = data.run(FIRST, |state| {
        assert!(state.link("u1", "Ann"));
        token(state)
    });
    data.run(SECOND, |_| ());
    for kill in 0..40 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "state::tests::formats::takes_over_until_it_is_killed", "--nocapture"])
            .env(FOLDER, data.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("round")).expect("a first round");
        std::thread::sleep(Duration::from_micros(rand::random_range(0..30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        for formats in if kill % 2 == 0 { [FIRST, SECOND] } else { [SECOND, FIRST] } {
            let (state, problems) = data.open(formats);
            assert!(problems.iter().all(|problem| problem.contains("newer Doorstep")), "{problems:?}");
            assert_eq!((users(&state), token(&state)), (vec!["u1".to_owned()], door_token.clone()));
            assert!(state.flush());
        }
    }
}
