#!/bin/sh
# Installs what the project needs and the system lacks; does nothing when all is there.
#
#   install.sh build    what building and running needs
#   install.sh test     what the tests need on top of that
#   install.sh package  what making and trying packages needs on top of `build`
set -eu

purpose=${1:-build}
case $purpose in
build | test | package) ;;
*)
    echo "usage: install.sh build|test|package" >&2
    exit 2
    ;;
esac

cd "$(dirname "$0")/../.."
list=packaging/setup/packages

say() {
    printf '%s\n' "$*" >&2
}

# Rust first: nothing below helps without it, and it is not ours to install.
need_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null 2>&1; then
        say "Rust is missing: Doorstep needs Rust $wanted or newer."
        say "Install it from https://rustup.rs (or put ~/.cargo/bin into PATH) and try again."
        exit 1
    fi
    found=$(rustc --version | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -t . -k 1,1n -k 2,2n | head -n 1)
    if [ "$oldest" != "$wanted" ]; then
        say "Rust $found is too old: Doorstep needs Rust $wanted or newer ('rustup update stable')."
        exit 1
    fi
}

# Names of the packages in the list that are wanted and not installed.
missing_packages() {
    while read -r kind name _why; do
        case $kind in
        build) ;;
        test | package) [ "$purpose" = "$kind" ] || continue ;;
        *) continue ;;
        esac
        # Node is often there from elsewhere, and newer.
        [ "$name" != nodejs ] || ! command -v node >/dev/null 2>&1 || continue
        status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
        [ "$status" = installed ] || printf '%s\n' "$name"
    done <"$list"
}

# Runs a command as root: directly, or with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_packages() {
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        say "This is no Debian system: nothing was installed. Needed are FFmpeg's development files"
        say "(libavcodec, libavformat, libavutil, libswresample, libswscale), libopus, clang with libclang,"
        say "pkg-config and a C compiler. What Debian calls them stands in $list."
        return
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    # One line for people; the names hold no spaces.
    # shellcheck disable=SC2086
    set -- $missing
    say "==> Missing Debian packages: $*"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        say "Installing them needs root, and there is no sudo. As root, run:"
        say "    apt-get update && apt-get install --no-install-recommends $*"
        exit 1
    fi
    say "==> Refreshing the list of packages"
    as_root apt-get update -q || say "The list could not be refreshed; trying with the one at hand."
    say "==> Installing"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"
    # The tests start TURN servers of their own; Debian's package would leave one running for everybody.
    case " $* " in
    *" coturn "*)
        if [ -d /run/systemd/system ]; then
            as_root systemctl disable --now coturn || say "The service coturn could not be switched off; please do."
        fi
        ;;
    esac
}

# aiortc, a WebRTC peer that is not ours, in the versions that the tests were written with.
install_peers() {
    wanted=tests/peers/requirements.txt
    [ -f "$wanted" ] || return 0
    done_for=.venv/requirements.txt
    if [ -x .venv/bin/python ] && cmp -s "$wanted" "$done_for"; then
        return
    fi
    say "==> Installing aiortc into .venv"
    # Debian's own Python: the packages above belong to it, and it sees them from inside .venv.
    /usr/bin/python3 -m venv --clear --system-site-packages .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$wanted"
    cp "$wanted" "$done_for"
}

need_rust
install_packages
if [ "$purpose" = test ]; then
    install_peers
    /usr/bin/python3 packaging/setup/axe.py
fi
