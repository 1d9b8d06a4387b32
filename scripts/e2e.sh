#!/usr/bin/env bash
# The five scenarios of examples/ end to end: every mail system is a real Postfix on a loopback address of its
# own, the gateway is one with our milter and our look-ups.
#
#   scripts/e2e.sh [test_FILE | test_FILE.Class | test_FILE.Class.test]...
#
# Everything runs in a folder that goes away with it; an installed Postfix and its configuration are not
# touched. Before it: `cargo build --release` and `scripts/milter.sh`, which make the programs under test.
# It needs root, as Postfix does; without root or the packages it is skipped loudly, and under
# READDRESS_STRICT=1 that is a failure. READDRESS_E2E_KEEP=1 leaves the folder, with all logs, where it is.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)

skip() { # why
    echo "e2e: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    exit 0
}

master=/usr/lib/postfix/sbin/master
[ "$(id -u)" = 0 ] || skip "Postfix can only be started by root"
needed=()
[ -x "$master" ] || needed+=(postfix)
command -v openssl >/dev/null 2>&1 || needed+=(openssl)
command -v opendkim >/dev/null 2>&1 || needed+=(opendkim)
if [ "${#needed[@]}" -gt 0 ] && command -v apt-get >/dev/null 2>&1; then
    # Without a configuration it doesn't start by itself; and no other mail system gives way to it.
    echo "e2e: installing ${needed[*]}"
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections || true
    install() { DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y --no-remove --no-install-recommends "${needed[@]}"; }
    install >/dev/null 2>&1 || { timeout 120 apt-get update -q && install; } >/dev/null 2>&1 || true
fi
[ -x "$master" ] || skip "$master is missing (Debian: postfix)"
for tool in openssl opendkim; do
    command -v "$tool" >/dev/null 2>&1 || skip "$tool is missing (Debian: $tool)"
done

readdress=$target/release/readdress
milter=$target/milter/readdress-milter
[ -x "$readdress" ] || { echo "e2e: no $readdress: run 'cargo build --release' first" >&2 && exit 1; }
# scripts/milter.sh has said why, or was not run.
[ -x "$milter" ] || skip "$milter is missing: scripts/milter.sh makes it, where libmilter is installed"

# In memory, where there is such a place: every message is written through to the disk on each of its hops.
folder=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" e2e.XXXXXX)
# The systems run as other users.
chmod 755 "$folder"
test=
finish() {
    # The test ends its systems itself. Should it have been killed, that is done here, by their process ids.
    local record pid
    [ -z "$test" ] || kill "$test" 2>/dev/null && timeout 20 tail --pid="$test" -f /dev/null || true
    while IFS= read -r record; do
        pid=$(cat "$record")
        if grep -qsF "$folder" "/proc/$pid/cmdline"; then
            kill "$pid" && timeout 10 tail --pid="$pid" -f /dev/null || kill -9 -- "-$pid" || true
        fi
    done < <(find "$folder" -name '*.process')
    if [ "${READDRESS_E2E_KEEP:-0}" = 1 ]; then echo "e2e: the logs are in $folder"; else rm -rf "$folder"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
env -u PYTHONPATH PYTHONDONTWRITEBYTECODE=1 READDRESS_E2E_FOLDER="$folder" READDRESS="$readdress" READDRESS_MILTER="$milter" \
    timeout "${READDRESS_E2E_SECONDS:-400}" python3 tests/e2e/main.py "$@" &
test=$!
wait "$test"
