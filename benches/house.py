"""The program under measurement, its cameras, and what the kernel says of them."""

import argparse
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "peers"))

TICK = os.sysconf("SC_CLK_TCK")
VENV = ROOT / ".venv" / "bin" / "python"


def command_line(description):
    """What every script here can be told; its own is to be added."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--doorstep", help="program to measure")
    return parser


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Camera:
    """`tests/cameras/rtsp_camera.py` in a process of its own."""

    def __init__(self, *arguments):
        script = ROOT / "tests" / "cameras" / "rtsp_camera.py"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(script), *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        ready = json.loads(self.process.stdout.readline())
        self.url = ready["url"]

    def stop(self):
        self.process.kill()
        self.process.wait()


class House:
    """`doorstep run` with its own settings, in a folder of its own."""

    def __init__(self, cameras, program=None, extra=""):
        """`cameras`: (id, url, warm)."""
        program = program or ROOT / "target" / "release" / "doorstep"
        self.folder = tempfile.mkdtemp(prefix="doorstep-bench-")
        self.token = secrets.token_hex(16)
        self.door_port, self.ui_port = free_port(), free_port()
        self.door = f"http://127.0.0.1:{self.door_port}"
        text = (
            f'[log]\nlevel = "warn"\n'
            f'[door]\nlisten = "127.0.0.1:{self.door_port}"\ntoken = "{self.token}"\n'
            f'[ui]\nlisten = "127.0.0.1:{self.ui_port}"\n'
            '[webrtc]\nudp_port = 0\nbind = ["127.0.0.1"]\nallow_loopback = true\nmax_kbps = 20000\n'
            "[limits]\ncalls = 500\ncalls_per_camera = 500\n"
        )
        for name, url, warm in cameras:
            text += (
                f'[[camera]]\nid = "{name}"\nname = "{name}"\nkind = "doorbell"\nsource = "{url}"\n'
                f"warm = {str(warm).lower()}\n"
            )
        config = pathlib.Path(self.folder) / "doorstep.toml"
        config.write_text(text + extra)
        self.log = open(pathlib.Path(self.folder) / "log", "w+")
        self.process = subprocess.Popen(
            [str(program), "run", "--config", str(config), "--data", self.folder],
            stdout=self.log,
            stderr=self.log,
        )
        self.wait()

    def wait(self):
        until = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(self.door + "/healthz", timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.log.seek(0)
                    sys.exit("doorstep does not start:\n" + self.log.read())
                time.sleep(0.05)

    def api(self, path):
        """The pages' API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ui_port}/api/v1/{path}", timeout=5) as reply:
            return json.load(reply)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tree(self):
        """Process ids of the program and all below it."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as file:
                        parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def measure(self):
        """CPU in ms (the program's own, and its children's), memory in KiB, and things held."""
        out = {"own_ms": 0.0, "worker_ms": 0.0}
        out |= {"own_rss": 0, "worker_rss": 0, "own_pss": 0, "worker_pss": 0}
        out |= {"fds": 0, "sockets": 0, "threads": 0, "children": 0}
        for pid in self.tree():
            own = pid == self.process.pid
            who = "own" if own else "worker"
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    sizes = dict(l.split()[:2] for l in file.read().splitlines()[1:])
                links = os.listdir(f"/proc/{pid}/fd") if own else []
            except OSError:
                continue
            out[who + "_ms"] += (int(fields[11]) + int(fields[12])) * 1000 / TICK
            if own:
                # Of workers that ended and were waited for.
                out["worker_ms"] += (int(fields[13]) + int(fields[14])) * 1000 / TICK
            out[who + "_rss"] += int(sizes["Rss:"])
            out[who + "_pss"] += int(sizes["Pss:"])
            if not own:
                out["children"] += 1
                continue
            out["threads"] = int(fields[17])
            for link in links:
                out["fds"] += 1
                try:
                    target = os.readlink(f"/proc/{pid}/fd/{link}")
                except OSError:
                    continue
                out["sockets"] += target.startswith("socket:")
        return out


def peer(house, endpoint, *arguments, patience=600):
    """A run of the aiortc peer; its events."""
    script = ROOT / "tests" / "peers" / "aiortc_peer.py"
    command = [str(VENV), str(script), "--door", house.door, f"--token={house.token}"]
    command += ["--endpoint", endpoint, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=patience, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def machine():
    """One line about where this was measured."""
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    name = names[0] if names else os.uname().machine
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} x {name}, kernel {os.uname().release}, load {load:.1f} at the start"


def figure(name, value, aim):
    """One line of the table."""
    print(f"{name}: {value} (aim {aim})", flush=True)
