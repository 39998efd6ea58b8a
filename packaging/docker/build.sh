#!/bin/sh
# Builds both programs into a folder, and names there the packages of the libraries that they are linked with.
set -eu

out=$1

cargo build --release --locked
mkdir -p "$out"
for program in doorstep doorstep-media; do
    strip --strip-unneeded -o "$out/$program" "target/release/$program"
done
libraries=$(objdump --private-headers "$out/doorstep" "$out/doorstep-media" | awk '$1 == "NEEDED" { print "*/" $2 }')
# The names hold no spaces, and are to be found as patterns.
# shellcheck disable=SC2086
set -f
dpkg-query --search $libraries | sed 's/:.*//' | sort -u >"$out/packages"
