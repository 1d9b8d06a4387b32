#!/usr/bin/env bash
# The same 1,000 messages through a real Postfix, with canonical maps, and through readdress; and what
# `export postfix` says of every example, asked of postmap(1).
#
#   scripts/postfix.sh [--examples]
#
# Postfix gets a configuration, a queue and ports of its own on loopback, in a folder that goes away
# with it; an installed one and its configuration are not touched. Before it: `scripts/python.sh`.
# It needs root, as Postfix does; without root or the package it is skipped loudly, and under
# READDRESS_STRICT=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
python=$target/python/venv-test/bin/python
[ -x "$python" ] || { echo "postfix: no $python: run scripts/python.sh first" >&2 && exit 1; }

skip() { # why
    echo "postfix: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    exit 0
}

master=/usr/lib/postfix/sbin/master
[ "$(id -u)" = 0 ] || skip "Postfix can only be started by root"
if ! [ -x "$master" ] && command -v apt-get >/dev/null 2>&1; then
    # Without a configuration it doesn't start by itself; and no other mail system gives way to it.
    echo "postfix: installing postfix"
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections || true
    install() { DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y --no-remove --no-install-recommends postfix; }
    install >/dev/null 2>&1 || { timeout 120 apt-get update -q && install; } >/dev/null 2>&1 || true
fi
[ -x "$master" ] || skip "$master is missing (Debian: postfix)"

# The exported tables, asked of postmap(1).
# The workspace as it is built: with one package alone, others get other features, and are built anew.
READDRESS_POSTFIX=1 cargo test --workspace --locked --test postfix_tables

folder=$(mktemp -d)
finish() {
    # The test ends its Postfix itself. Should it have been killed, that is done here.
    local pid
    if pid=$(cat "$folder/master" 2>/dev/null) && grep -qsF "$folder" "/proc/$pid/cmdline"; then
        kill "$pid" && timeout 10 tail --pid="$pid" -f /dev/null || kill -9 -- "-$pid" || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
env -u PYTHONPATH PYTHONDONTWRITEBYTECODE=1 timeout 180 "$python" tests/postfix/check.py "$folder" "$@"
