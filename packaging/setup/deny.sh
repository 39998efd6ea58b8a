#!/bin/sh
# Checks the crates of both lock files with cargo-deny; builds the pinned one the first time (a minute or two). The
# database of advisories lies at an address that a closed network does not reach: then the rest is checked, and
# that is said. ADVISORIES=required makes it an error. git fetches it: `git config url.MIRROR.insteadOf ADDRESS`
# leads to a mirror.
set -eu
cd "$(dirname "$0")/../.."
version=0.20.2
deny=target/tools/bin/cargo-deny
cargo=${CARGO:-cargo}

if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
    echo "==> Building cargo-deny $version" >&2
    # Unoptimised it is built in a third of the time, and checks in seconds all the same.
    CARGO_PROFILE_DEV_DEBUG=0 "$cargo" install --quiet --debug --locked --force --root target/tools \
        cargo-deny --version "$version"
fi

export GIT_TERMINAL_PROMPT=0
checks='bans licenses sources'
if reason=$(timeout 120 "$deny" --locked fetch db 2>&1); then
    checks="$checks advisories"
else
    printf '%s\n' "$reason" | tail -n 3 >&2
fi
for manifest in Cargo.toml fuzz/Cargo.toml; do
    echo "==> $manifest: $checks" >&2
    # shellcheck disable=SC2086
    "$deny" --locked --manifest-path "$manifest" --config deny.toml check $checks
done
case "$checks" in
*advisories*) ;;
*)
    echo "ADVISORIES WERE NOT CHECKED: their database cannot be fetched from here. All else was." >&2
    [ "${ADVISORIES:-}" != required ]
    ;;
esac
