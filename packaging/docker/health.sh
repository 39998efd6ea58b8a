#!/bin/bash
# Well if the page's listener answers with 200. Says nothing of the hub.
set -eu

exec 3<>/dev/tcp/127.0.0.1/8099
printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8099\r\nConnection: close\r\n\r\n' >&3
read -r -t 5 _ status _ <&3
[ "$status" = 200 ]
