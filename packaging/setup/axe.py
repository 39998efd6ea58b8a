"""Fetches axe-core, a judge of pages' accessibility, for the tests: into target/axe, and never into the project.

It comes from the npm registry that npm is set up with, or from the public one; what comes must be the one that
the tests were written with."""

import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import urllib.request

VERSION = "4.14.1"
SHA512 = (
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73"
    "4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
)
REGISTRY = "https://registry.npmjs.org"
PLACE = pathlib.Path(__file__).resolve().parents[2] / "target/axe"
FILES = ("axe.min.js", "LICENSE")
LARGEST = 20_000_000


def registry():
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name]
    if shutil.which("npm"):
        asked = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.startswith("http"):
            return asked.stdout.strip()
    return REGISTRY


def fetch():
    address = f"{registry().rstrip('/')}/axe-core/-/axe-core-{VERSION}.tgz"
    with urllib.request.urlopen(address, timeout=60) as reply:
        package = reply.read(LARGEST)
    if hashlib.sha512(package).hexdigest() != SHA512:
        raise ValueError("what came is not the version that the tests were written with")
    return package


def main():
    done = PLACE / "sha512"
    if done.exists() and done.read_text() == SHA512:
        return
    print(f"==> Fetching axe-core {VERSION} into target/axe", file=sys.stderr)
    try:
        package = tarfile.open(fileobj=io.BytesIO(fetch()))
        PLACE.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (PLACE / name).write_bytes(package.extractfile(f"package/{name}").read())
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"axe-core cannot be fetched, which the tests of the page need: {error}")
    done.write_text(SHA512)


main()
