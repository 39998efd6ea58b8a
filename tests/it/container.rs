//! How the program starts in a container: `packaging/docker/start.sh` in a root folder, process and network of its
//! own, with the host's libraries.

use std::collections::HashMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::host::Host;
use crate::fixture::workers::signal;

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/docker");
/// Doorstep's user in a container.
const USER: u32 = 10001;
const SOON: Duration = Duration::from_secs(30);
/// Furnishes the root folder `$1` and becomes, inside, the rest of the arguments.
const ENTER: &str = "set -e; root=$1; shift
    for folder in usr etc dev; do mount --rbind \"/$folder\" \"$root/$folder\"; done
    mount -t proc proc \"$root/proc\"
    exec chroot \"$root\" env -i PATH=/opt:/usr/sbin:/usr/bin:/sbin:/bin \"$@\"";
/// What `docker run --user 10001:10001 --cap-drop ALL --security-opt no-new-privileges` makes of a process.
const AS_USER: [&str; 7] = [
    "setpriv",
    "--reuid=10001",
    "--regid=10001",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
];

/// A root folder with `/data` as its one place for data, which root owns.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for folder in ["usr", "etc", "dev", "proc", "opt", "data"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), at(link)).unwrap();
        }
        for program in [env!("CARGO_BIN_EXE_doorstep"), env!("CARGO_BIN_EXE_doorstep-media")] {
            let inside = at("opt").join(Path::new(program).file_name().unwrap());
            if std::fs::hard_link(program, &inside).is_err() {
                std::fs::copy(program, &inside).unwrap();
            }
        }
        std::fs::copy(Path::new(PACKAGING).join("start.sh"), at("opt/start.sh")).unwrap();
        Self(root)
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn owner(&self, name: &str) -> (u32, u32) {
        let file = std::fs::symlink_metadata(self.data().join(name)).unwrap();
        (file.uid(), file.gid())
    }
}

/// A running container. Dropping it ends all that runs inside.
struct Container {
    child: Child,
    first: i32,
}

impl Container {
    /// Starts it with the first process as root, or with what comes before it on the command line.
    fn start(host: &Host, root: &Root, before: &[&str]) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c", ENTER, "sh"]);
        command.arg(root.0.path()).args(before).args(["/opt/start.sh", "run", "--data", "/data"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = host.call(move || command.spawn()).unwrap();
        let mut container = Self { child, first: 0 };
        let outer = container.child.id();
        let listed = format!("/proc/{outer}/task/{outer}/children");
        let told = move || std::fs::read_to_string(&listed).ok()?.trim().parse().ok();
        container.first = wait_for("a first process", told);
        wait_for("a healthy container", || container.is_healthy().then_some(()));
        container
    }

    /// What the container's health check says.
    fn is_healthy(&self) -> bool {
        let mut check = Command::new("nsenter");
        check.arg(format!("--net=/proc/{}/ns/net", self.first)).arg(format!("{PACKAGING}/health.sh"));
        check.stderr(Stdio::null()).status().unwrap().success()
    }

    /// What the kernel says of its first process.
    fn status(&self) -> HashMap<String, String> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.first)).unwrap();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    fn stop(mut self) {
        signal(self.first, libc::SIGTERM);
        let began = Instant::now();
        let ended = wait_for("its end", || self.child.try_wait().unwrap());
        assert!(ended.success() && began.elapsed() < Duration::from_secs(3), "{ended} {:?}", began.elapsed());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // `--kill-child` holds only until it becomes another user.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) && self.first != 0 {
            signal(self.first, libc::SIGKILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first process is the program itself, as its own user and without any right.
fn has_no_right(container: &Container) {
    let status = container.status();
    let is = |name: &str| status[name].as_str();
    assert_eq!(is("Name"), "doorstep");
    assert_eq!(is("NSpid").split_whitespace().next_back(), Some("1"), "signals to the container reach it");
    for ids in ["Uid", "Gid"] {
        assert!(is(ids).split_whitespace().all(|id| id.parse() == Ok(USER)), "{ids}: {}", is(ids));
    }
    assert_eq!(is("Groups"), "");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(u64::from_str_radix(is(set), 16), Ok(0), "{set}");
    }
    assert_eq!(is("NoNewPrivs"), "1");
}

#[test]
fn a_container_that_is_started_as_root_hands_over_its_data_and_keeps_no_right() {
    let (host, root) = (Host::start("container"), Root::new());
    let options = root.data().join("options.json");
    let write_options = || {
        drop(std::fs::remove_file(&options));
        std::fs::write(&options, r#"{"log_level": "warn"}"#).unwrap();
        std::fs::set_permissions(&options, PermissionsExt::from_mode(0o600)).unwrap();
    };
    write_options();
    std::fs::write(root.0.path().join("foreign"), "").unwrap();
    symlink("../foreign", root.data().join("link")).unwrap();

    let container = Container::start(&host, &root, &[]);
    has_no_right(&container);
    for name in ["", "options.json", "state.json", "link"] {
        assert_eq!(root.owner(name), (USER, USER), "{name}");
    }
    assert_eq!(root.owner("../foreign"), (0, 0), "what a link leads to is nobody's to hand over");
    container.stop();

    let before = std::fs::read_to_string(root.data().join("state.json")).unwrap();
    // As the supervisor does before each start.
    write_options();
    let again = Container::start(&host, &root, &[]);
    has_no_right(&again);
    assert_eq!(root.owner("options.json"), (USER, USER));
    assert_eq!(std::fs::read_to_string(root.data().join("state.json")).unwrap(), before);
    again.stop();
}

#[test]
fn a_container_that_is_started_as_its_user_needs_no_right_at_all() {
    let (host, root) = (Host::start("container"), Root::new());
    std::os::unix::fs::chown(root.data(), Some(USER), Some(USER)).unwrap();
    let container = Container::start(&host, &root, &AS_USER);
    has_no_right(&container);
    assert_eq!(root.owner("state.json"), (USER, USER));
    container.stop();
}
