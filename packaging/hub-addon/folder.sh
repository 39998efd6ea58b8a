#!/bin/sh
# Puts together the folder that a hub builds the add-on from: what its store shows, and the source that the image is
# made from, which is what .dockerignore names. Without tests, which no image needs.
#
#   folder.sh FOLDER    a folder that is not there yet
set -eu

out=$1
cd "$(dirname "$0")/../.."
mkdir -p "$(dirname "$out")"
mkdir "$out" "$out/doorstep"

# Files below the given paths. What git leaves out is of the workshop; an archive has nothing of the kind.
files() {
    if [ -e .git ]; then
        git ls-files --cached --others --exclude-standard -- "$@"
    else
        find "$@" -type f
    fi
}

sources=
# The names hold no spaces, and some are patterns.
for source in $(sed -n 's/^!//p' .dockerignore); do
    [ ! -e "$source" ] || sources="$sources $source"
done

cp packaging/hub-addon/repository.yaml "$out/"
cp -R packaging/hub-addon/doorstep/. "$out/doorstep/"
list=$out/files
# A pipe would hide that git fails, as it does for another user's checkout.
# shellcheck disable=SC2086
files Dockerfile .dockerignore CHANGELOG.md $sources >"$list"
grep -v -e '/tests/' -e '/tests\.rs$' "$list" | tar -cf - -T - | tar -xf - -C "$out/doorstep"
rm "$list"
