#!/bin/sh
# Makes the Debian package of both programs, as they were built.
#
#   build.sh [REVISION [FOLDER]]    revision 1, into target/debian, unless told otherwise
set -eu
cd "$(dirname "$0")/../.."

revision=${1:-1}
folder=${2:-target/debian}
cargo_deb=3.8.0
tools=target/tools
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' Cargo.toml)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)

if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $cargo_deb" ]; then
    echo "==> Installing cargo-deb $cargo_deb into $tools" >&2
    "${CARGO:-cargo}" install --quiet --root "$tools" --locked cargo-deb --version "$cargo_deb"
fi

# Debian's form of the changelog says which package this is; what changed stands in the project's own, beside it.
mkdir -p target/debian "$folder"
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
cat >target/debian/changelog <<END
doorstep ($version-$revision) unstable; urgency=medium

  * Doorstep $version: see /usr/share/doc/doorstep/changelog.gz.

 -- $maintainer  $(LC_ALL=C date --utc --rfc-email --date "@$when")
END

SOURCE_DATE_EPOCH=$when "$tools/bin/cargo-deb" --no-build --locked --quiet --strip \
    --deb-version "$version-$revision" --output "$folder/"
