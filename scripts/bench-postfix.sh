#!/usr/bin/env bash
# 10,000 messages through Postfix alone, with a milter that does nothing, with readdress-milter, and with
# Postfix's own canonical maps, in turn: messages a second, and processor time a message. Five minutes.
#
#   scripts/bench-postfix.sh [MESSAGES]
#
# Everything runs in a folder that goes away with it. It needs root, as Postfix does, and the Debian packages
# postfix and libmilter-dev. JSON goes to standard output, a table to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
export CARGO_TARGET_DIR=$target
cargo build --release --locked --quiet
cargo build --release --locked --quiet -p readdress-benches --bins
scripts/milter.sh build >&2
folder=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" bench.XXXXXX)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
cc -O2 -Wall -Wextra -Werror benches/postfix/noop.c -lmilter -lpthread -o "$folder/noop"
"$target/release/generate" "$folder/corpus" 1000
python3 -I benches/postfix/run.py "$folder" "$target/release/readdress" "$target/milter/readdress-milter" \
    "$folder/noop" "$folder/corpus" "${1:-10000}"
