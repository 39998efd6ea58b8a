#!/usr/bin/python3
"""What it takes to install the Debian package, and what the installed service takes. Needs root.

The machine is a clean Debian, booted with its own systemd in a network of its own (`packaging/debian/clean_root.py`).
From a fresh machine to the first picture is: `apt update` and `apt install ./doorstep.deb` with all that it needs,
the address of a real RTSP camera saved as the page saves it, a picture of it. Start to ready is what systemd measured, from
the start of the process to its word that it is ready. Idle is the service with cameras of a simulated hub and nobody
calling.
"""

import pathlib
import sys
import time

from house import ROOT, TICK, Camera, command_line, figure, machine
from hub import Hub, user_token

sys.path.insert(0, str(ROOT / "packaging" / "debian"))
import page  # noqa: E402
from clean_root import CleanRoot  # noqa: E402


def installed_kib(clean):
    """Of each package, what it says that it takes on the disk."""
    told = clean.run("dpkg-query", "--show", "--showformat", "${Package} ${Installed-Size}\\n").stdout
    return {name: int(size) for name, size in (line.split() for line in told.splitlines())}


def first_picture(clean, package):
    """A fresh machine, until it shows a camera."""
    began = time.monotonic()
    clean.fetch(package)
    fetched = time.monotonic() - began
    clean.boot()
    before = installed_kib(clean)
    camera = Camera("--size", "1280x720", "--kbps", 2000, "--gop", 2, "--prerecord", 4)
    try:
        began = time.monotonic()
        clean.run("apt-get", "install", "-y", "--no-install-recommends", package)
        installed = time.monotonic() - began
        page.save({"camera": {"id": "front"}, "key": "source", "value": camera.url})
        page.picture("front")
        shown = time.monotonic() - began - installed
    finally:
        camera.stop()
    page.save({"camera": {"id": "front"}, "remove": True})
    seconds = fetched + installed + shown
    figure(
        "fresh machine to first picture",
        f"{seconds:.0f} s in 3 steps: apt update and download {fetched:.1f} s, install and start {installed:.1f} s,"
        f" from the camera's address to its picture {shown:.1f} s",
        "none",
    )
    after = installed_kib(clean)
    new = [size for name, size in after.items() if name not in before and name != "doorstep"]
    figure("installed", f"{after['doorstep'] / 1024:.1f} MiB, and {len(new)} packages of Debian's, {sum(new) / 1024:.0f} MiB", "none")


def start(clean, runs):
    times = []
    for _ in range(runs):
        # Otherwise so many starts at once are too many.
        clean.run("systemctl", "reset-failed", "doorstep")
        clean.run("systemctl", "restart", "doorstep")
        keys = "--property=ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic"
        told = clean.run("systemctl", "show", keys, "doorstep").stdout
        at = dict(line.split("=") for line in told.splitlines())
        times.append((int(at["ActiveEnterTimestampMonotonic"]) - int(at["ExecMainStartTimestampMonotonic"])) / 1000)
    times.sort()
    figure(
        f"start to ready, {runs} starts",
        f"median {times[len(times) // 2]:.0f} ms, least {times[0]:.0f}, most {times[-1]:.0f}",
        "<= 2000 ms",
    )


def measure(clean):
    """The service's processes: their number, RSS and PSS in KiB, CPU in ms."""
    user = clean.run("id", "-u", "doorstep").stdout.strip()
    count, rss, pss, used = 0, 0, 0, 0.0
    for status in clean.processes():
        if status["Uid"].split()[0] != user:
            continue
        pid = pathlib.Path("/proc", status["Pid"])
        sizes = dict(line.split()[:2] for line in (pid / "smaps_rollup").read_text().splitlines()[1:])
        fields = (pid / "stat").read_text().rsplit(")", 1)[1].split()
        count, rss, pss = count + 1, rss + int(sizes["Rss:"]), pss + int(sizes["Pss:"])
        used += sum(map(int, fields[11:15])) * 1000 / TICK
    return count, rss, pss, used


def idle(clean, options):
    hub = Hub("--cameras", options.cameras, "--entities", 10 * options.cameras, "--followed", 0.3)
    try:
        page.save(
            {"key": "hub.url", "value": f"http://127.0.0.1:{hub.port}"}, {"key": "hub.token", "value": user_token()}
        )
        clean.run("systemctl", "reset-failed", "doorstep")
        clean.run("systemctl", "restart", "doorstep")
        hub.next("connect")
        time.sleep(options.settle)
        status, _, known = page.ask("/api/v1/cameras")
        if page.ask("/readyz")[0] != 200 or known.count(b"camera.c") < options.cameras:
            sys.exit(f"the hub's cameras are not there: {status} {known[:500]}")
        at, first = time.monotonic(), measure(clean)
        time.sleep(options.seconds)
        span, (count, rss, pss, used) = time.monotonic() - at, measure(clean)
        name = f"idle, {options.cameras} cameras of a hub, {span:.0f} s"
        figure(f"{name}, memory", f"PSS {pss / 1024:.1f} MiB, RSS {rss / 1024:.1f} MiB, {count} process", "<= 40 MiB")
        figure(f"{name}, CPU", f"{(used - first[3]) / span / 10:.2f} % of a core", "<= 0.5 %")
    finally:
        hub.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--package", help="the Debian package; else the one of `make deb`")
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--settle", type=float, default=30, help="seconds from the start until it is idle")
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    package = options.package or next(map(str, (ROOT / "target" / "debian").glob("doorstep_*.deb")), None)
    if package is None:
        sys.exit("there is no package: `make deb` makes it")
    print(machine())
    figure("package", f"{pathlib.Path(package).stat().st_size / 1e6:.1f} MB", "none")
    clean = CleanRoot("bench")
    try:
        first_picture(clean, clean.put(package))
        start(clean, options.starts)
        idle(clean, options)
    finally:
        clean.end()


if __name__ == "__main__":
    sys.exit(main())
