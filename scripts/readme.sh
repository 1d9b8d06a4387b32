#!/usr/bin/env bash
# Runs README's first command and holds its output to what README shows.
set -euo pipefail
cd "$(dirname "$0")/.."
shown=$(awk '/^<!-- output of the first command -->/ { on = 1; next } on && /^```$/ { fence++; next } fence == 1 { print } fence == 2 { exit }' README.md)
printed=$(cargo run --release --quiet -- rewrite --plan examples/shared-domain/plan.toml --direction outbound \
    examples/shared-domain/message.eml | tr -d '\r')
if ! diff <(printf '%s\n' "$shown") <(printf '%s\n' "$printed"); then
    echo "readme: README.md shows something else than its first command prints" >&2
    exit 1
fi
echo "readme: the first command prints what README.md shows"
