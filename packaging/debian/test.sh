#!/bin/sh
# Tries the Debian package that `make deb` made, and one with a higher version for the upgrade.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
architecture=$(dpkg --print-architecture)
higher=target/clean-root/higher
sh packaging/debian/build.sh 2 "$higher"
sh packaging/debian/build.sh
exec /usr/bin/python3 packaging/debian/test_install.py \
    "target/debian/doorstep_$version-1_$architecture.deb" "$higher/doorstep_$version-2_$architecture.deb"
