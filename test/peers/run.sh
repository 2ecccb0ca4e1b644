#!/usr/bin/env bash
# Tests against real peers: installs them where they are missing, and runs the tests, which start and stop them on
# loopback ports of their own.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=(nginx-light squid-openssl dnsmasq-base python3-httpbin gunicorn python3-aiohttp python3-websockets
  python3-autobahn tinyproxy-bin dante-server apache2-bin haproxy lighttpd lighttpd-mod-openssl
  lighttpd-mod-deflate nghttp2-server nghttp2-proxy caddy h2o
  python3-hypercorn)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
  # No service may start by itself.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

node node_modules/vitest/vitest.mjs run --config test/peers/vitest.config.ts "$@"
