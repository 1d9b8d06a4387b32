#!/usr/bin/env bash
# Counts the instructions that the hottest work takes a message, by callgrind, and holds them to
# benches/gate/baseline.tsv: more than 5 % more is a failure. A minute besides building.
#
#   scripts/bench-gate.sh                  what has changed
#   scripts/bench-gate.sh bless REASON     writes the baseline anew
#
# As root on Debian it installs valgrind. Without it, it is skipped loudly, which under READDRESS_STRICT=1
# is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
reason=()
case "${1:-}" in
'') ;;
bless)
    shift
    [ -n "${*// /}" ] || { echo "bench-gate: bless with a reason: make bench-gate-bless REASON=\"...\"" >&2 && exit 64; }
    reason=("$@")
    ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
esac
target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
export CARGO_TARGET_DIR=$target

if ! command -v valgrind >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "bench-gate: installing valgrind" >&2
    apt-get install -y --no-install-recommends valgrind >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null && apt-get install -y --no-install-recommends valgrind >/dev/null; } || true
fi
if ! command -v valgrind >/dev/null 2>&1; then
    echo "bench-gate: SKIPPED: valgrind is missing (Debian: valgrind)" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    exit 0
fi
cargo build --release --locked --quiet -p readdress-benches --bins
corpus=$target/bench-gate
rm -rf "$corpus"
"$target/release/generate" "$corpus" 200
python3 -I benches/gate/gate.py "$target/release/gate" "$corpus" benches/gate/baseline.tsv "${reason[@]}"
