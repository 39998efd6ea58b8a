#!/bin/sh
# Makes icon.png and logo.png of the add-on from the drawings beside this script. Needs chromium and ffmpeg.
set -eu
cd "$(dirname "$0")"

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

# A window is never as small as an icon, so the picture is cut out of a larger one.
render() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
        --default-background-color=00000000 --user-data-dir="$profile" --window-size=600,600 \
        --screenshot="$profile/$1.png" "file://$PWD/$1.svg" 2>/dev/null
    ffmpeg -v error -y -i "$profile/$1.png" -vf "crop=$2:$3:0:0" -pix_fmt rgba "../doorstep/$1.png"
}

render icon 128 128
render logo 250 100
