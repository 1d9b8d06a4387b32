#!/usr/bin/env bash
# Holds what is reported of DKIM and ARC signatures to a library that signs and verifies: 200 messages
# signed in the test, with keys made for it, and no question to the network.
#
# Before it: `scripts/python.sh`, whose wheel is tested here. PYTHON names the interpreter, as there.
# If the library can't be installed it is skipped loudly; under READDRESS_STRICT=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
home=$(mkdir -p "$target/python" && cd "$target/python" && pwd)
python=${PYTHON:-python3}
place=$home/venv-dkim
requirements=tests/dkim/requirements.txt

wheel=$(find "$home/wheels" -name 'readdress-*.whl' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
[ -n "$wheel" ] || { echo "dkim: no wheel in $home/wheels: run scripts/python.sh first" >&2 && exit 1; }

# An environment with what the requirements name, made anew only when they or the interpreter changed.
stamp=$("$python" -VV && cat "$requirements")
if ! [ -f "$place/stamp" ] || [ "$(cat "$place/stamp")" != "$stamp" ]; then
    rm -rf "$place"
    "$python" -m venv "$place"
    if ! timeout 300 "$place/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"; then
        echo "dkim: SKIPPED: can't install what $requirements names" >&2
        [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
        exit 0
    fi
    printf '%s\n' "$stamp" >"$place/stamp"
fi
"$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
timeout 300 env -u PYTHONPATH PYTHONDONTWRITEBYTECODE=1 "$place/bin/python" tests/dkim/check.py
