#!/bin/sh
# Installs the Debian packages named as arguments that are missing. As root or with sudo; without either it prints the
# one line to run and fails.
set -eu
missing=$(for p in "$@"; do dpkg -s "$p" >/dev/null 2>&1 || printf ' %s' "$p"; done)
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo"; else
    echo "memprobe needs some packages; run this once, then make again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "  installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086  # the list is meant to be split
if ! { $as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1 ||
    { $as_root apt-get update >"$log" 2>&1 && $as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1; }; }; then
    cat "$log" >&2
    exit 1
fi
rm -f "$log"
