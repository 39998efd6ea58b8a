#!/usr/bin/python3
"""Builds the image of the Dockerfile with buildah, and starts it. Needs root, and no container engine and no registry.

    test_image.py [--programs FOLDER] [--context FOLDER]

Debian's image is played by what debootstrap makes, and Rust's by the same with this machine's Rust in it. Every step
of the Dockerfile is run; with `--programs`, what `cargo build` would make is taken from there. What starts the image
is no engine but `unshare`: a root folder that is read-only, process and network of its own, `/data` of root's as a
hub's supervisor leaves it.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging" / "debian"))
import clean_root  # noqa: E402

PLACE = ROOT / "target" / "image"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURE = {"x86_64": "amd64"}.get(platform.machine(), platform.machine())
RUST = "/usr/local/rust"
REGISTRY, BUILT = "/usr/local/cargo/registry", "/built"
# Furnishes the root folder `$1` as an engine does and becomes, inside, the rest of the arguments.
ENTER = """set -e; root=$1; shift
ip link set lo up
mount --bind "$root" "$root"
mount --bind "$root/data" "$root/data"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot "$root" env -i PATH=%s "$@\"""" % PATH


def holds(sentence, truth, why=""):
    if not truth:
        sys.exit(f"NOT {sentence}\n{why}")
    print(f"ok  {sentence}", flush=True)


def buildah(*command, quiet=True):
    own = ["buildah", "--storage-driver=vfs", f"--root={PLACE}/storage", f"--runroot={PLACE}/run"]
    told = subprocess.run([*own, *map(str, command)], stdout=subprocess.PIPE if quiet else None, text=True, check=True)
    return told.stdout.strip() if quiet else ""


def base(name, folder, path):
    """An image of a root folder, by the name that the Dockerfile calls it."""
    made = buildah("from", "scratch")
    subprocess.run(["cp", "-a", f"{folder}/.", buildah("mount", made)], check=True)
    buildah("config", f"--env=PATH={path}", "--env=CARGO_HOME=/usr/local/cargo", made)
    buildah("commit", "--quiet", "--rm", made, f"docker.io/library/{name}")


def build(context, version, programs):
    rust = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    registry = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"), "registry")
    registry.mkdir(parents=True, exist_ok=True)
    shared = [f"--volume={rust}:{RUST}:ro", f"--volume={registry}:{REGISTRY}"]
    if programs:
        stand_in = PLACE / "cargo"
        stand_in.write_text(f"#!/bin/sh\nmkdir -p target/release\ncp {BUILT}/doorstep {BUILT}/doorstep-media target/release/\n")
        stand_in.chmod(0o755)
        shared += [f"--volume={stand_in}:/usr/local/sbin/cargo:ro", f"--volume={pathlib.Path(programs).resolve()}:{BUILT}:ro"]
    debian = clean_root.debian("image")
    base("debian:bookworm-slim", debian, PATH)
    base("rust:1.95-slim-bookworm", debian, f"{PATH}:{RUST}/bin")
    arguments = [f"--build-arg=BUILD_VERSION={version}", f"--build-arg=BUILD_ARCH={ARCHITECTURE}"]
    command = ["build", "--isolation=chroot", "--pull-never", "--layers=false", "--format=docker"]
    buildah(*command, *shared, *arguments, "--tag=doorstep", context, quiet=False)


def says_what_it_is(version):
    config = json.loads(buildah("inspect", "--type=image", "doorstep"))["Docker"]["config"]
    labels = config["Labels"]
    told = (labels["io.hass.type"], labels["io.hass.version"], labels["io.hass.arch"])
    holds("its labels say what a hub wants to know", told == ("app", version, ARCHITECTURE), labels)
    holds("it ends by SIGTERM", config["StopSignal"] == "SIGTERM", config)
    holds("its data is a volume", list(config["Volumes"]) == ["/data"], config)
    holds("it has a health check", config["Healthcheck"]["Test"] == ["CMD", "/usr/lib/doorstep/health.sh"], config)
    return config["Entrypoint"] + config["Cmd"]


def holds_what_it_must(root):
    documents = {path.name for path in (root / "usr/share/doc/doorstep").iterdir()}
    wanted = {"LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "NOTICE", "SOURCES", "packages"}
    holds("licenses and notices are in it", wanted <= documents, documents)
    packages = (root / "usr/share/doc/doorstep/packages").read_text()
    holds("it names Debian's packages and their sources", " (source: ffmpeg " in packages, packages)
    holds("nothing that only builds is in it", not {"gcc", "clang", "ffmpeg", "cargo"} & {line.split()[0] for line in packages.splitlines()})


def runs(root, command):
    subprocess.run(["chown", "-R", "0:0", root / "data"], check=True)
    (root / "data/options.json").write_text('{"log_level": "warn"}')
    (root / "data/options.json").chmod(0o600)
    enter = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child=KILL", "sh", "-c", ENTER, "sh", str(root)]
    child = subprocess.Popen([*enter, *command])
    try:

        def inside(*command):
            enter = ["nsenter", f"--target={first(child.pid)}", "--mount", "--pid", "--net", "--root", "--wd"]
            return subprocess.run([*enter, *command], env={"PATH": PATH}, capture_output=True, text=True, check=False)

        until = time.monotonic() + 30
        while not first(child.pid) or inside("/usr/lib/doorstep/health.sh").returncode != 0:
            holds("it becomes healthy", child.poll() is None and time.monotonic() < until)
            time.sleep(0.2)
        holds("it is healthy with a read-only root", True)
        status = clean_root.status_of(first(child.pid))
        holds("it runs as user 10001", (status["Name"], status["Uid"].split()) == ("doorstep", ["10001"] * 4), status)
        holds("it has no right left", {status[key] for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, status)
        holds("it can gain none", status["NoNewPrivs"] == "1", status)
        probed = inside("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "doorstep", "probe", "test:")
        holds("its worker shows a picture", probed.returncode == 0, probed.stdout + probed.stderr)
        os.kill(int(first(child.pid)), signal.SIGTERM)
        holds("it ends with 0 when it is told", child.wait(3) == 0)
    finally:
        # `--kill-child` holds only until it becomes another user.
        if child.poll() is None and first(child.pid):
            os.kill(int(first(child.pid)), signal.SIGKILL)
        child.kill()
        child.wait()


def first(outer):
    """The first process inside; None if there is none yet."""
    try:
        children = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
    except OSError:
        return None
    return children[0] if children else None


def context():
    """What git knows of the project, as somebody gets it who clones it."""
    folder = tempfile.mkdtemp(prefix="doorstep-context-")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-"]
    packed = subprocess.run(pack, input=listed, cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", f"--directory={folder}"], input=packed, check=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", help="folder with both programs, instead of building them")
    parser.add_argument("--context", help="what the image is built from; else what git knows of the project")
    options = parser.parse_args()
    version = next(line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = "))
    version = version.split('"')[1]
    source = options.context or context()
    PLACE.mkdir(parents=True, exist_ok=True)
    try:
        build(source, version, options.programs)
        command = says_what_it_is(version)
        made = buildah("from", "--pull-never", "doorstep")
        root = pathlib.Path(buildah("mount", made))
        holds_what_it_must(root)
        runs(root, command)
    finally:
        buildah("rm", "--all")
        if not options.context:
            shutil.rmtree(source)


if __name__ == "__main__":
    main()
