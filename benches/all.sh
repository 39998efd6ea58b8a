#!/bin/sh
# All figures, one after another, on an idle machine.
set -eu
cd "$(dirname "$0")"
for figure in offers first_frame uplink network cold codecs viewers age faults worker idle hub events relay talk page leak; do
    echo "== $figure"
    /usr/bin/python3 "$figure.py" "$@"
done
