#!/usr/bin/python3
"""Installs the Debian package in a clean Debian with systemd booted, uses it, and takes it away again.

    test_install.py PACKAGE.deb HIGHER-VERSION.deb

Needs root. Each line `ok` is something that holds; the first thing that does not ends it.
"""

import json
import pathlib
import re
import subprocess
import sys
import time

import page
from clean_root import ROOT, CleanRoot

PROGRAM = "/usr/lib/doorstep/doorstep"
CONFIG = "/etc/doorstep/config.toml"
STATE = "/var/lib/doorstep"
DOCUMENTS = "/usr/share/doc/doorstep"
TOKEN = "the-token-of-this-trial"
# Of 100: what `systemd-analyze security` counts against the service.
EXPOSURE = 20
# A picture of the camera's has a size that no slate has.
SIZE = (480, 270)


def holds(sentence, truth, why=""):
    if not truth:
        sys.exit(f"NOT {sentence}\n{why}")
    print(f"ok  {sentence}", flush=True)


class Trial:
    def __init__(self, clean, package, higher):
        self.clean, self.package, self.higher = clean, package, higher

    def unit(self, key):
        return self.clean.run("systemctl", "show", "--value", f"--property={key}", "doorstep").stdout.strip()

    def journal(self):
        return self.clean.run("journalctl", "--no-pager", "--quiet", "--unit=doorstep", check=False).stdout

    def apt(self, *command):
        return self.clean.run("apt-get", "-y", "--no-install-recommends", *command)

    def processes(self):
        """Those of its user: ids as they are outside, and names."""
        return [(status["Pid"], status["Name"]) for status in self.clean.processes() if status["Uid"] == self.user()]

    def user(self):
        """How /proc writes its user."""
        return "\t".join([self.clean.run("id", "-u", "doorstep").stdout.strip()] * 4)

    def files(self):
        """All that is named like it, but for what Debian keeps of every package: downloads and logs."""
        found = self.clean.run("find", "/", "-xdev", "-path", "*doorstep*").stdout.splitlines()
        return [path for path in found if not path.startswith(("/var/cache/", "/var/log/"))]

    def is_active(self):
        return self.unit("ActiveState") == "active"

    def install(self):
        self.apt("install", self.package)
        holds("the package starts its service", self.is_active(), self.journal())
        holds("the service is enabled", self.clean.run("systemctl", "is-enabled", "doorstep").stdout.strip() == "enabled")
        began, ready = (int(self.unit(key)) for key in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"))
        holds(f"it is ready {(ready - began) / 1000:.0f} ms after its start", ready - began < 2_000_000)
        for path in ("/healthz", "/readyz"):
            status, _, body = page.ask(path)
            holds(f"{path} answers at the moment the package is installed", status == 200, body)
        version = self.clean.run("/usr/bin/doorstep", "--version").stdout
        holds("the program is on everybody's path", version.startswith("doorstep "))

    def documents_are_complete(self):
        links = re.findall(r"\]\(([^)#]+)", self.clean.run("cat", f"{DOCUMENTS}/README.md").stdout)
        targets = {f"{DOCUMENTS}/{link}" for link in links if "://" not in link}
        missing = targets - set(self.clean.run("find", DOCUMENTS).stdout.splitlines())
        holds(f"its README leads to {len(targets)} files that are there", len(targets) > 10 and not missing, missing)

    def unit_is_sound(self):
        told = self.clean.run("systemd-analyze", "verify", "/lib/systemd/system/doorstep.service")
        holds("systemd has nothing to say against the unit", not (told.stdout + told.stderr).strip(), told.stderr)
        judged = self.clean.run(
            "systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}",
            "/lib/systemd/system/doorstep.service", check=False,
        )  # fmt: skip
        verdict = judged.stdout.strip().splitlines()[-1].lstrip("→ ")
        holds(f"systemd's verdict: {verdict}", judged.returncode == 0, judged.stdout)

    def has_no_rights(self, name):
        pid = next(pid for pid, command in self.processes() if command == name)
        status = next(status for status in self.clean.processes() if status["Pid"] == pid)
        capabilities = {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        holds(f"{name} has no capability left", capabilities == {"0" * 16}, status)
        holds(f"{name} can gain none", (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status)

    def settings_are_saved(self):
        camera = {"id": "porch"}
        page.save(
            {"camera": camera, "key": "source", "value": "test:"},
            {"camera": camera, "key": "name", "value": "Porch"},
            {"camera": camera, "key": "warm", "value": True},
            {"key": "log.level", "value": "debug"},
            {"key": "door.token", "value": TOKEN},
            {"key": "webrtc.allow_loopback", "value": True},
            {"key": "webrtc.bind", "value": ["127.0.0.1"]},
        )
        text = self.clean.run("cat", CONFIG).stdout
        holds("what the page saves lands in the settings file", 'name = "Porch"' in text and TOKEN in text, text)
        holds("comments in it are kept", "# The settings of Doorstep." in text, text)
        stat = self.clean.run("stat", "--format=%a %U", CONFIG, CONFIG + ".bak").stdout.split()
        holds("only its user may read it and the copy of before", stat == ["600", "doorstep"] * 2, stat)
        checked = self.clean.run(PROGRAM, "check", "--config", CONFIG)
        holds("`doorstep check` is content with it", "all is well" in checked.stdout, checked.stdout)

    def cameras_work(self):
        self.clean.run("systemctl", "restart", "doorstep")
        jpeg = page.picture("porch")
        holds(f"its own test camera gives a picture of {len(jpeg)} bytes", jpeg.startswith(b"\xff\xd8"))
        self.has_no_rights("doorstep")
        self.has_no_rights("doorstep-media")
        journal = self.journal()
        holds("the worker has sealed itself", " DEBUG " in journal and "no Landlock" not in journal, journal)
        for codec in ("h264", "h265"):
            seen = self.call(codec)
            sizes = [tuple(size[:2]) for size in seen.get("sizes", [])]
            holds(f"a call shows a real camera's {codec}", SIZE in sizes, seen)

    def call(self, codec):
        """A real RTSP camera and a real WebRTC peer, outside of the clean root but in its network."""
        camera = subprocess.Popen(
            ["/usr/bin/python3", str(ROOT / "tests/cameras/rtsp_camera.py"), "--codec", codec, "--size", "%dx%d" % SIZE],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            url = json.loads(camera.stdout.readline())["url"]
            page.save({"camera": {"id": codec}, "key": "source", "value": url})
            peer = [str(ROOT / ".venv/bin/python"), str(ROOT / "tests/peers/aiortc_peer.py"), "--seconds", "8"]
            peer += ["--door", "http://127.0.0.1:8098", f"--token={TOKEN}", "--endpoint", codec]
            seen = subprocess.run(peer, stdout=subprocess.PIPE, text=True, timeout=90, check=True).stdout
            events = [json.loads(line) for line in seen.splitlines()]
            return next(event for event in events if event["event"] == "summary")
        finally:
            camera.kill()
            camera.wait()

    def it_stops_and_comes_back(self):
        holds("a worker runs", any(command == "doorstep-media" for _, command in self.processes()))
        began = time.monotonic()
        self.clean.run("systemctl", "stop", "doorstep")
        took = time.monotonic() - began
        holds(f"it stops within 3 s ({took:.1f} s)", took < 3)
        outcome = (self.unit("Result"), self.unit("ExecMainStatus"))
        holds("it ends with 0", outcome == ("success", "0"), outcome)
        holds("no process is left", not self.processes(), self.processes())
        self.clean.run("systemctl", "start", "doorstep")
        self.clean.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "doorstep")
        until = time.monotonic() + 20
        while time.monotonic() < until and (page.ask("/healthz")[0] != 200 or self.unit("NRestarts") != "1"):
            time.sleep(0.2)
        holds("killed, it is started again", self.unit("NRestarts") == "1" and self.is_active(), self.journal())

    def kept(self):
        names = [camera.get("name") for camera in page.settings()["cameras"]]
        return "Porch" in names

    def it_is_upgraded(self):
        before, state = self.unit("MainPID"), self.clean.run("ls", STATE).stdout
        self.apt("install", self.higher)
        holds("an upgrade restarts it", self.is_active() and self.unit("MainPID") != before, self.journal())
        text = self.clean.run("cat", CONFIG).stdout
        holds("an upgrade keeps the settings", 'name = "Porch"' in text and page.picture("porch"), text)
        holds("an upgrade keeps the data", self.clean.run("ls", STATE).stdout == state and "state.json" in state, state)

    def it_is_removed(self):
        self.apt("remove", "doorstep")
        holds("removed, it does not run", not self.processes() and page.ask("/healthz")[0] == 0)
        self.clean.run("test", "-s", CONFIG)
        self.clean.run("test", "-s", f"{STATE}/state.json")
        holds("removed, its settings and data stay", True)
        self.apt("install", self.higher)
        holds("installed again, it has its settings", self.is_active() and page.picture("porch") != b"", self.journal())
        self.apt("purge", "doorstep")
        holds("purged, it leaves no file", not self.files(), self.files())
        known = self.clean.run("systemctl", "list-units", "--all", "--no-legend", "doorstep*").stdout.strip()
        holds("purged, systemd knows it no more", not known, known)


def lint(package):
    told = subprocess.run(["lintian", "--fail-on", "error", package], capture_output=True, text=True, check=False)
    holds("lintian finds no error", told.returncode == 0, told.stdout + told.stderr)


def main():
    package, higher = map(pathlib.Path, sys.argv[1:])
    lint(package)
    clean = CleanRoot("trial")
    try:
        inside = [clean.put(package), clean.put(higher)]
        clean.fetch(inside[0])
        clean.boot()
        holds("a clean Debian is booted with its own systemd", clean.run("cat", "/proc/1/comm").stdout == "systemd\n")
        trial = Trial(clean, *inside)
        trial.install()
        trial.documents_are_complete()
        trial.unit_is_sound()
        trial.settings_are_saved()
        trial.cameras_work()
        trial.it_stops_and_comes_back()
        trial.it_is_upgraded()
        trial.it_is_removed()
    finally:
        clean.end()


if __name__ == "__main__":
    main()
