#!/bin/sh
# Makes of Debian's image the one that Doorstep runs in: the packages that a file names, its user, its folder, and a
# list of all packages with their sources.
set -eu

user=10001
wanted=$1

apt-get update -q
# The names hold no spaces.
# shellcheck disable=SC2046
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ca-certificates $(cat "$wanted")
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

groupadd --gid "$user" doorstep
useradd --uid "$user" --gid "$user" --home-dir /data --no-create-home --shell /usr/sbin/nologin doorstep
install -d -o "$user" -g "$user" -m 0700 /data
ln -s ../lib/doorstep/doorstep /usr/bin/doorstep

install -d /usr/share/doc/doorstep
dpkg-query --show --showformat '${Package} ${Version} ${Architecture} (source: ${source:Package} ${source:Version})\n' \
    >/usr/share/doc/doorstep/packages
