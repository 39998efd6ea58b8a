#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::*;

mod crash;
mod formats;

/// Puts a file into the folder that nobody else may read.
fn put(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) {
    crate::config::save::replace(&folder.path().join(name), content.as_ref()).unwrap();
}

fn call(id: &str) -> CallRecord {
    CallRecord { id: id.into(), camera: "Front <door>".into(), ..CallRecord::default() }
}

#[test]
fn what_was_saved_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let (state, problems) = State::open(&data);
    assert!(problems.is_empty(), "{problems:?}");
    let token = state.door_token();
    assert_eq!(token.expose_secret().len(), 43);
    assert!(state.linking_open() && state.link("u1", "Ann"));
    state.record_call(call("c1"));
    state.record_call(CallRecord { end_reason: Some("hung up".into()), ..call("c1") });
    state.record_call(call("c2"));
    for (id, on) in [("hub#1", false), ("yard", false), ("yard", false), ("hub#1", true), ("never", true)] {
        state.switch(id, on);
    }
    assert!(state.flush());
    assert_eq!(State::switched_off_in(&data), state.switched_off());
    drop(state);
    let mode = std::fs::metadata(data.join("state.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (state, problems) = State::open(&data);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(state.door_token().expose_secret(), token.expose_secret());
    assert_eq!(state.links()[0].name, "Ann");
    assert_eq!(state.switched_off(), BTreeSet::from(["yard".to_owned()]));
    let ids: Vec<String> = state.calls(9).into_iter().map(|call| call.id).collect();
    assert_eq!(ids, ["c2", "c1"]);
    assert_eq!(state.call("c1").unwrap().end_reason.as_deref(), Some("hung up"));
    assert!(state.call("c3").is_none());
}

#[test]
fn a_house_that_has_stopped_writes_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = State::open(folder.path());
    assert!(before.link("u1", "Ann") && before.close());
    let (state, _) = State::open(folder.path());
    state.switch("yard", false);
    assert!(state.flush());
    before.record_call(call("late"));
    before.switch("late", false);
    drop(before);
    drop(state);
    let (state, _) = State::open(folder.path());
    assert!(state.is_linked("u1") && state.call("late").is_none());
    assert_eq!(state.switched_off().into_iter().collect::<Vec<_>>(), ["yard"]);
}

#[test]
fn only_an_admin_opens_linking_after_the_first_link() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    assert!(state.link("u1", "Ann"));
    assert!(!state.linking_open() && !state.link("u2", "Bob"));
    assert!(state.link("u1", "Ann Marie"), "who is linked stays linked");
    assert_eq!(state.links()[0].name, "Ann Marie");
    state.open_linking();
    assert!(state.link("u2", "Bob"));
    assert!(state.revoke("u1") && state.revoke("u2") && !state.revoke("u2"));
    assert!(!state.linking_open() && !state.link("u1", "Ann"), "a revoked user must not be back at once");
}

#[test]
fn logins_of_linked_users_survive_a_restart_until_the_link_is_revoked_and_their_number_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    state.remember_login("u1", "before");
    assert!(!state.knows_login("before"), "nobody is linked");
    assert!(state.link("u1", "Ann"));
    state.open_linking();
    assert!(state.link("u2", "Bob"));
    for (user, login) in [("u1", "a"), ("u1", "b"), ("u2", "c"), ("u2", "c")] {
        state.remember_login(user, login);
    }
    state.forget_login("b");
    assert!(state.flush());
    drop(state);
    let (state, _) = State::open(folder.path());
    assert_eq!(["a", "b", "c"].map(|login| state.knows_login(login)), [true, false, true]);
    state.revoke("u1");
    assert_eq!(["a", "b", "c"].map(|login| state.knows_login(login)), [false, false, true]);
    for n in 0..LOGINS_KEPT {
        state.remember_login("u2", &n.to_string());
    }
    assert!(!state.knows_login("c") && state.knows_login("0"));
    assert_eq!(lock(&state.shared.kept).logins.len(), LOGINS_KEPT);
}

#[test]
fn a_damaged_state_gives_way_to_the_copy_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let token = {
        let (state, _) = State::open(folder.path());
        state.link("u1", "Ann");
        assert!(state.flush());
        state.revoke("u1");
        assert!(state.flush());
        state.door_token().expose_secret().to_owned()
    };
    std::fs::write(folder.path().join("state.json"), &br#"{"door_token": "canary"#[..]).unwrap();
    let (state, problems) = State::open(folder.path());
    assert_eq!(state.door_token().expose_secret(), token);
    assert!(!problems.is_empty() && !format!("{problems:?}").contains("canary"), "{problems:?}");
    assert!(state.links().is_empty(), "a revoked link must not come back");
    assert!(folder.path().join("state.json.damaged").exists());
    drop(state);
    std::fs::remove_file(folder.path().join("state.json")).unwrap();
    assert_eq!(State::open(folder.path()).0.door_token().expose_secret(), token);
    for name in ["state.json", "state.json.good"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let (state, problems) = State::open(folder.path());
    assert!(!problems.is_empty());
    assert!(!state.linking_open(), "damage must not open the door");
    assert_ne!(state.door_token().expose_secret(), token);
}

#[test]
fn what_a_newer_version_added_to_the_same_format_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "state.json", r#"{"format": 1, "door_token": "t", "later": {"a": [1]}}"#);
    let (state, problems) = State::open(folder.path());
    assert!(problems.is_empty(), "{problems:?}");
    state.link("u", "n");
    assert!(state.flush());
    let bytes = std::fs::read(folder.path().join("state.json")).unwrap();
    let text: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&text["format"], &text["later"]["a"][0]), (&1.into(), &1.into()));
}

#[test]
fn what_others_can_read_is_locked_up_and_told_and_what_was_never_finished_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    drop(State::open(folder.path()));
    let secret = ["state.json", "state.json.good", "config.toml", "config.toml.format-1", "calls.jsonl"];
    for name in secret.into_iter().chain(["options.json", ".doorstep-a.tmp", ".doorstep-b.tmp"]) {
        if !of(name).exists() {
            std::fs::write(of(name), "").unwrap();
        }
        std::fs::set_permissions(of(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::open(of(".doorstep-a.tmp")).unwrap().set_modified(an_hour_ago).unwrap();
    let (_state, problems) = State::open(folder.path());
    assert!(problems.len() == 1 && secret.iter().all(|name| problems[0].contains(name)), "{problems:?}");
    let mode = |name: &str| std::fs::metadata(of(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(secret.map(mode), [0o600; 5]);
    assert_eq!(mode("options.json"), 0o644, "it is the hub's");
    assert_eq!([".doorstep-a.tmp", ".doorstep-b.tmp"].map(|name| of(name).exists()), [false, true]);
    assert_eq!(State::open(folder.path()).1, [""; 0]);
}

#[test]
fn damaged_and_torn_lines_are_left_out_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = serde_json::to_vec(&call("c1")).unwrap();
    text.extend(b"\n{}\n\xff\xfe\n[[[[\n{\"id\": 5}\n");
    text.extend(&serde_json::to_vec(&call("torn")).unwrap()[..30]);
    put(&folder, "calls.jsonl", text);
    let (state, problems) = State::open(folder.path());
    assert_eq!((state.calls(9).len(), problems.len()), (1, 1), "{problems:?}");
    state.record_call(call("c2"));
    assert!(state.flush());
    drop(state);
    let (state, _) = State::open(folder.path());
    let ids: Vec<String> = state.calls(9).into_iter().map(|call| call.id).collect();
    assert_eq!(ids, ["c2", "c1"]);
}

#[test]
fn the_record_of_calls_is_capped_in_memory_and_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    for n in 0..(3 * CALLS_KEPT) {
        state.record_call(call(&format!("c{n}")));
        if n % 100 == 0 {
            assert!(state.flush());
        }
    }
    assert!(state.flush());
    assert_eq!((state.calls(9_999).len(), state.calls_dropped()), (CALLS_KEPT, 0));
    assert_eq!(state.calls(1)[0].id, format!("c{}", 3 * CALLS_KEPT - 1));
    let lines = std::fs::read_to_string(folder.path().join("calls.jsonl")).unwrap().lines().count();
    assert!((CALLS_KEPT..=2 * CALLS_KEPT).contains(&lines), "{lines}");
}

fn unanswered(id: String, endpoint: &str) -> CallRecord {
    let endpoint_id = endpoint.to_owned();
    CallRecord { endpoint_id, started: now(), ended: Some(now()), ..call(&id) }
}

#[test]
fn offers_without_an_answer_leave_three_records_a_minute_and_camera_and_never_push_out_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    state.record_call(call("talked"));
    for n in 0..10 {
        state.record_unanswered(unanswered(format!("a{n}"), "garden"));
    }
    assert_eq!(state.calls(99).len(), 1 + calls::UNANSWERED_A_MINUTE);
    for n in 0..2 * CALLS_KEPT {
        state.record_unanswered(unanswered(format!("b{n}"), &format!("camera {n}")));
        if n % 100 == 0 {
            assert!(state.flush());
        }
    }
    let kept = |state: &State| {
        let unanswered = state.calls(9_999).iter().filter(|call| call.is_unanswered()).count();
        (unanswered, state.call("talked").is_some())
    };
    assert_eq!(kept(&state), (UNANSWERED_KEPT, true));
    assert!(state.flush());
    drop(state);
    assert_eq!(kept(&State::open(folder.path()).0), (UNANSWERED_KEPT, true));
}

#[test]
fn calls_are_paged_from_one_to_the_next_and_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    (0..6).for_each(|n| state.record_call(call(&format!("c{n}"))));
    let ids = |calls: Vec<CallRecord>| calls.into_iter().map(|call| call.id).collect::<Vec<_>>();
    assert_eq!(ids(state.calls_before("c4", 2)), ["c3", "c2"]);
    assert_eq!(ids(state.calls_after("c2", 2)), ["c4", "c3"]);
    assert_eq!(ids(state.calls_before("gone", 2)), [""; 0]);
    assert_eq!(ids(state.calls_after("c5", 2)), [""; 0]);
}

#[test]
fn a_call_that_an_older_version_kept_has_an_outcome_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"id":"old","ended":"2026-01-01T00:00:00Z","end_reason":"hung up"}"#;
    put(&folder, "calls.jsonl", format!("{old}\n"));
    let (state, problems) = State::open(folder.path());
    assert_eq!((state.call("old").unwrap().outcome, problems.len()), (Some(Outcome::Unknown), 0));
}

#[test]
fn without_a_folder_to_write_to_everything_works_in_memory_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let (state, problems) = State::open(&blocked.join("data"));
    assert!(!problems.is_empty());
    assert!(state.link("u1", "Ann"));
    state.record_call(call("c1"));
    assert!(!state.flush());
    assert_eq!((state.links().len(), state.calls(1).len()), (1, 1));
    state.note(["noted".to_owned()]);
    let all = state.problems();
    assert!(all.len() == 2 && all[0] == "noted" && all[1].starts_with("not saved in"), "{all:?}");
}

#[test]
fn times_are_rfc_3339_in_utc_with_ms() {
    let now = now();
    assert!(now.ends_with('Z') && now.len() <= 24, "{now}");
    assert!(OffsetDateTime::parse(&now, &Rfc3339).is_ok());
}

#[test]
fn a_grant_survives_a_restart_until_its_user_is_revoked_or_another_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let grant = |user: Option<&str>, token: &str| Grant {
        refresh_token: token.to_owned().into(),
        user: user.map(str::to_owned),
        since: now(),
        ..Grant::default()
    };
    assert!(!state.keep_grant(grant(Some("u1"), "canary-1")), "a link that was revoked meanwhile");
    assert!(state.link("u1", "Ann"));
    state.open_linking();
    assert!(state.link("u2", "Bob"));
    assert!(state.keep_grant(grant(Some("u1"), "canary-1")));
    let old = state.grant().unwrap();
    assert!(!format!("{old:?}").contains("canary"), "{old:?}");
    assert!(state.keep_grant(grant(Some("u2"), "canary-2")));
    assert!(!state.change_grant(&old, |grant| grant.host = Some("late".into())));
    let now = state.grant().unwrap();
    assert!(state.change_grant(&now, |grant| grant.host = Some("here".into())));
    state.set_reported(serde_json::json!({ "front_door": 1 }));
    assert!(state.flush());
    drop(state);
    let (state, _) = State::open(folder.path());
    let kept = state.grant().unwrap();
    assert_eq!((kept.refresh_token.expose_secret(), kept.host.as_deref()), ("canary-2", Some("here")));
    assert_eq!(state.reported()["front_door"], 1);
    assert!(state.revoke("u1") && state.grant().is_some());
    assert!(state.revoke("u2") && state.grant().is_none());
}
