#!/bin/sh
# Runs every test, with cargo-nextest where it is installed and with cargo's own runner elsewhere.
set -eu
cd "$(dirname "$0")/../.."

if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --release --locked --no-fail-fast "$@"
fi
echo "cargo-nextest is not installed: running the tests with 'cargo test', one after another." >&2
# In one process, tests that load the machine would disturb each other.
exec cargo test --release --locked --no-fail-fast "$@" -- --test-threads=1
