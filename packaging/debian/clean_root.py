"""A Debian of its own: the least that debootstrap makes, booted with its own systemd in a network of its own."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PLACE = ROOT / "target" / "clean-root"
# What a machine has before anybody installs anything, on top of the packages that Debian cannot do without.
MACHINE = "ca-certificates,systemd-sysv"
# systemd-nspawn keeps these from its guests, and the workers cage themselves with them.
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
INSIDE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
INSIDE |= {"LC_ALL": "C.UTF-8", "TERM": "dumb"}
BOOT_SECONDS = 60


def mirror():
    """The address that this system's own apt has Debian from."""
    form = "$(REPO_URI) $(CODENAME) $(LABEL)"
    asked = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    for line in subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines():
        address, codename, label = line.split(" ", 2)
        if (codename, label) == (SUITE, "Debian"):
            return address
    sys.exit(f"this system's apt knows no Debian {SUITE}, which the clean root is made from")


def quietly(command, log):
    """What it says goes into a file, and is shown only if it fails."""
    with open(log, "w") as file:
        done = subprocess.run(command, env=os.environ | INSIDE, stdout=file, stderr=file, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{log.read_text()[-2000:]}")


def debian(name, packages=""):
    """The folder of a Debian with nothing else than these packages; made once."""
    if os.geteuid() != 0:
        sys.exit("a clean root is made and booted by root only")
    base = PLACE / name
    if not base.exists():
        print(f"==> Making a clean Debian {SUITE} with debootstrap", file=sys.stderr)
        fresh = base.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        more = [f"--include={packages}"] if packages else []
        command = ["debootstrap", "--variant=minbase", *more, SUITE, str(fresh), mirror()]
        quietly(command, fresh.with_suffix(".debootstrap.log"))
        fresh.rename(base)
    return base


class CleanRoot:
    """A machine in a new root folder."""

    def __init__(self, name):
        base = debian("machine", MACHINE)
        self.folder = base.with_name(name)
        shutil.rmtree(self.folder, ignore_errors=True)
        subprocess.run(["cp", "-a", str(base), str(self.folder)], check=True)
        self.guest, self.init = None, None

    def put(self, file, place="var/cache"):
        """Copies a file into it; the path inside."""
        shutil.copy(file, self.folder / place)
        return f"/{place}/{pathlib.Path(file).name}"

    def fetch(self, package):
        """Downloads what a package needs, before it is booted: then it has no network any more."""
        for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "--download-only", package]):
            quietly(["chroot", str(self.folder), "apt-get", *command], self.folder.with_suffix(".apt.log"))

    def boot(self):
        """Boots it; from then on this process is in its network, too."""
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--private-network"]
        if not os.path.isdir("/run/systemd/system"):
            command.append("--keep-unit")
        command += [f"--system-call-filter={LANDLOCK}", f"--directory={self.folder}"]
        log = open(self.folder.with_suffix(".log"), "w")
        self.guest = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        until = time.monotonic() + BOOT_SECONDS
        while not self.is_up():
            if self.guest.poll() is not None or time.monotonic() > until:
                self.end()
                sys.exit(f"the clean root does not boot; see {log.name}")
            time.sleep(0.2)
        with open(f"/proc/{self.init}/ns/net") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def is_up(self):
        self.init = self.init or first_inside(self.guest.pid)
        if self.init is None:
            return False
        state = self.run("systemctl", "is-system-running", check=False)
        return state.stdout.strip() in ("running", "degraded")

    def run(self, *command, check=True):
        """Runs a command inside, as root."""
        inside = ["nsenter", f"--target={self.init}", "--mount", "--uts", "--ipc", "--pid", "--net", "--cgroup"]
        done = subprocess.run(
            [*inside, "--root", "--wd", *map(str, command)], env=INSIDE, capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
        return done

    def processes(self):
        """What /proc/PID/status says of all that run inside; ids are those outside."""
        space = os.readlink(f"/proc/{self.init}/ns/pid")
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == space:
                    found.append(status_of(pid))
            except OSError:
                continue
        return [status for status in found if status]

    def end(self):
        """Ends all that runs in it and throws it away."""
        if self.init is not None:
            self.run("systemctl", "poweroff", "--force", check=False)
        try:
            self.guest.wait(20)
        except subprocess.TimeoutExpired:
            self.guest.kill()
            self.guest.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def status_of(pid):
    """What /proc/PID/status says; empty if there is none."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return {}


def first_inside(guest):
    """The process that is number 1 inside, below systemd-nspawn; None if there is none yet."""
    parents = [str(guest)]
    for parent in parents:
        try:
            with open(f"/proc/{parent}/task/{parent}/children") as file:
                children = file.read().split()
        except OSError:
            continue
        for child in children:
            spaces = status_of(child).get("NSpid", "").split()
            if len(spaces) > 1 and spaces[-1] == "1":
                return child
        parents += children
    return None
