#!/usr/bin/env bash
# Runs what README shows, and holds the outputs to it: the first command, the C program and the Python
# lines. The last two use what scripts/c.sh and scripts/python.sh have made.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The first block that is fenced as a language, behind a line.
block() { # the line, the language
    awk -v line="$1" -v fence="\`\`\`$2" 'inside && /^```$/ { exit } inside { print }
        $0 == line { on = 1 } on && $0 == fence { inside = 1 }' README.md
}

shown=$(block '<!-- output of the first command -->' '')
printed=$(cargo run --release --quiet -- rewrite --plan examples/shared-domain/plan.toml --direction outbound \
    examples/shared-domain/message.eml | tr -d '\r')
if ! diff <(printf '%s\n' "$shown") <(printf '%s\n' "$printed"); then
    echo "readme: README.md shows something else than its first command prints" >&2
    exit 1
fi

cp -r examples "$work"
block '## In C' c >"$work/outbound.c"
block '## In C' sh >"$work/commands"
block '## In Python' python >"$work/lines.py"
cd "$work"
export PKG_CONFIG_PATH=$target/c/stage/lib/pkgconfig LD_LIBRARY_PATH=$target/c/stage/lib PATH=$target/c/stage/bin:$PATH
bash -e commands | tr -d '\r' | grep -v '^contoso.map: ' >c.txt
diff <(printf '%s\n' "$shown") c.txt || { echo "readme: the C program prints something else" >&2 && exit 1; }
"$target/python/venv-test/bin/python" -I lines.py >python.txt
diff <(printf '%s\n' "$shown") <(tr -d '\r' <rewritten.eml) ||
    { echo "readme: the Python lines give something else" >&2 && exit 1; }
grep -q '^From 1 john@tenant1.contoso.com -> john@contoso.com$' python.txt
grep -q '^RCPT TO:<mary' python.txt
grep -q "^relay mary.*@tenant2.contoso.com ('mx.tenant2.example:25',) None$" python.txt
echo "readme: the first command, the C program and the Python lines do what README.md says"
