#!/usr/bin/env bash
# Runs a script that mostly waits beside others that mostly work: what the first says comes at the end.
#
#   scripts/beside.sh scripts/WAITS.sh scripts/WORKS.sh...
set -uo pipefail
said=$(mktemp)
"$1" >"$said" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; wait "$beside"; rm -f "$said"' EXIT
trap 'exit 130' INT TERM HUP
shift
for script in "$@"; do
    "$script" || exit 1
done
wait "$beside"
code=$?
cat "$said"
exit "$code"
