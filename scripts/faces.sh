#!/usr/bin/env bash
# Holds the command, C in both ways and Python to one account of every message. What it compares has
# been built by `cargo build --release`, scripts/c.sh and scripts/python.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
exec "$target/python/venv-test/bin/python" -I tests/faces.py "$target/c/account" "$target/release/readdress"
