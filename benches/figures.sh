#!/bin/sh
# The table of what a call to any camera has to keep to, on an idle machine. `--quick` for a short run.
set -eu
cd "$(dirname "$0")"
figure() {
    echo "== $*"
    name=$1
    shift
    /usr/bin/python3 "$name.py" "$@"
}
figure first_frame --kinds warm --gops 10 --runs 20 "$@"
figure uplink "$@"
figure network "$@"
figure cold "$@"
figure codecs "$@"
figure viewers --viewers 10 50 "$@"
figure age "$@"
figure faults "$@"
figure idle "$@"
