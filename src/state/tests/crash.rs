//! A process that saves all the time is killed, again and again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

/// Names the folder to the child; its absence makes the child's test an empty one.
const FOLDER: &str = "DOORSTEP_CRASH_FOLDER";
/// Saves that end before the last kill.
const SAVES: u64 = 500;
/// Longest time from a save to the kill, ms.
const LONGEST: u64 = 60;

fn grant_of(n: u64) -> Grant {
    let access = AccessToken { token: format!("access-{n}").into(), refresh_at: 1, expires_at: 2 };
    Grant {
        refresh_token: format!("refresh-{n}").into(),
        access: Some(access),
        user: Some("user".into()),
        since: n.to_string(),
        ..Grant::default()
    }
}

/// As large as that of a house full of cameras.
fn reported_of(n: u64) -> Value {
    (0..100)
        .map(|camera| (format!("camera-{camera}"), Value::from(n)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// How often all was saved, when it is whole; `None` after the first start.
fn saves_in(state: &State) -> Option<u64> {
    let grant = state.grant()?;
    let n: u64 = grant.since.parse().unwrap();
    assert_eq!(grant.refresh_token.expose_secret(), format!("refresh-{n}"));
    assert_eq!(grant.access.unwrap().token.expose_secret(), format!("access-{n}"));
    let links = state.links();
    assert_eq!((links.len(), links[0].user_id.as_str()), (1, "user"));
    let reported = state.reported();
    // A change at a time is saved: what belongs to one save is at most one apart.
    let all: Vec<u64> = reported.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).collect();
    assert!(all.len() == 100 && all.iter().all(|n| *n == all[0]), "{reported}");
    assert!(all[0] == n || all[0] + 1 == n, "{} after {n}", all[0]);
    Some(n)
}

/// The child: saves until it is killed, and says what is saved.
#[test]
fn saves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (state, problems) = State::open(Path::new(&folder));
    assert!(problems.is_empty(), "{problems:?}");
    assert!(state.link("user", "Ann"));
    let first = saves_in(&state).map_or(0, |n| n + 1);
    for n in first.. {
        state.keep_grant(grant_of(n));
        state.set_reported(reported_of(n));
        assert!(state.flush());
        println!("\nsaved {n}");
    }
}

#[test]
fn killed_at_any_moment_of_five_hundred_saves_grant_links_and_reported_endpoints_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = 0;
    let mut kills = 0;
    while saved < SAVES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "state::tests::crash::saves_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let number = |line: String| line.strip_prefix("saved ")?.parse::<u64>().ok();
        // Some saves after the first, and a part of the next.
        for _ in 0..20 {
            saved = lines.by_ref().find_map(number).expect("the child saves");
        }
        std::thread::sleep(Duration::from_micros(rand::random_range(0..LONGEST * 1_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        saved = lines.filter_map(number).last().unwrap_or(saved);
        let (state, problems) = State::open(folder.path());
        assert!(problems.is_empty(), "{problems:?}");
        let found = saves_in(&state).expect("a grant");
        assert!(found >= saved, "{saved} was on the disk, {found} is there");
    }
    println!("{kills} kills within {saved} saves");
}
