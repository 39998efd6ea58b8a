#!/bin/sh
# The container's first process, which becomes Doorstep. A hub's supervisor starts it as root and leaves /data and
# its options to root: then /data is handed to Doorstep's user, and every right is dropped for good.
set -eu

user=10001
data=/data

if [ "$(id -u)" -eq 0 ]; then
    # Links are handed over, never what they lead to.
    find "$data" -xdev ! -uid "$user" -exec chown --no-dereference "$user:$user" {} +
    exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs \
        --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
        doorstep "$@"
fi
exec doorstep "$@"
