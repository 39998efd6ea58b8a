//! The AppArmor profile. What it keeps out can be seen only where it is loaded; here the parser that loads it reads it,
//! and what the supervisor and the image need of it is looked up.

use std::path::Path;
use std::process::Command;

use super::{add_on, project, text};

/// What AppArmor's own parser says of a profile, without a kernel.
fn complaint(profile: &str) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), profile).unwrap();
    let path = format!("/usr/sbin:/sbin:{}", std::env::var("PATH").unwrap());
    let mut parser = Command::new("apparmor_parser");
    let parser = parser.env("PATH", path).args(["--skip-kernel-load", "--skip-cache"]).arg(file.path());
    let output = parser.output().expect("apparmor_parser");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_profile_can_be_loaded_under_the_name_that_the_supervisor_gives_it() {
    let profile = text(&add_on("apparmor.txt"));
    assert_eq!(complaint(&profile), None);
    // It looks for lines with the name at their start, and takes exactly one.
    let named: Vec<&str> = profile.lines().filter(|line| line.starts_with("profile ")).collect();
    assert_eq!(named, ["profile doorstep flags=(attach_disconnected,mediate_deleted) {"]);
    let renamed = profile.replacen("profile doorstep", "profile 0a1b2c3d_doorstep", 1);
    assert_eq!(complaint(&renamed), None);
    assert!(complaint(&profile.replace("deny ptrace,", "deny ptrace")).is_some(), "the parser reads it");
}

#[test]
fn the_profile_lets_write_to_data_and_tmp_and_refuses_the_rest_by_name() {
    let profile = text(&add_on("apparmor.txt"));
    let rules: Vec<&str> = profile.lines().map(str::trim).filter(|rule| !rule.starts_with('#')).collect();
    // A rule of a file: a path, then letters.
    let writes = rules.iter().filter_map(|rule| {
        let (path, letters) = rule.trim_end_matches(',').rsplit_once(' ')?;
        (path.starts_with(['/', '@']) && letters.contains(['w', 'a', 'l'])).then_some(path)
    });
    assert_eq!(writes.collect::<Vec<_>>(), ["/data/{,**}", "/tmp/{,**}", "/dev/{null,zero,full,tty}"]);
    for refused in
        ["network inet raw", "network inet6 raw", "network packet", "ptrace", "mount", "umount", "pivot_root"]
    {
        assert!(rules.contains(&format!("deny {refused},").as_str()), "{refused}");
    }
    for wide in [
        "file,",
        "capability,",
        "network,",
        "mount,",
        "ptrace,",
        "unconfined",
        "sys_admin",
        "net_raw",
        "ux,",
        "px,",
    ] {
        let is_wide = |rule: &&str| {
            !rule.starts_with("deny ") && (*rule == wide || rule.ends_with(&format!(" {wide}")))
        };
        assert!(!rules.iter().any(is_wide), "{wide}");
    }
}

#[test]
fn the_profile_lets_run_what_the_image_starts() {
    let profile = text(&add_on("apparmor.txt"));
    let runs: String = profile.lines().filter(|line| line.trim_end().ends_with(" ix,")).collect();
    for script in ["start.sh", "health.sh"] {
        let lines = text(&project(&format!("packaging/docker/{script}")));
        assert!(runs.contains(script), "{script}");
        let code = lines.lines().filter(|line| !line.starts_with('#'));
        let words =
            code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && !"-_/.".contains(c)));
        let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
        let programs = words.filter(is_name).filter(|word| Path::new("/usr/bin").join(word).is_file());
        for program in programs.filter(|word| !BUILT_IN.contains(word)) {
            assert!(
                runs.split(['{', ',', '}', '/']).any(|known| known == program),
                "{script} starts {program}"
            );
        }
        let shell = lines.lines().next().unwrap().rsplit('/').next().unwrap();
        assert!(runs.split(['{', ',', '}', '/']).any(|known| known == shell), "{script} is of {shell}");
    }
    assert!(runs.contains("doorstep-media"));
}

/// Words that the shell itself knows.
const BUILT_IN: [&str; 5] = ["[", "test", "printf", "read", "echo"];
