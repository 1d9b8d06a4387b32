#!/usr/bin/env bash
# Builds the wheel of the Python package, installs it into an empty environment, and tests it there:
# pytest with the examples in its documentation, stubtest, mypy --strict over a script that uses it.
#
#   scripts/python.sh              the wheel as CI tests it: profile dev, most of it built already
#   scripts/python.sh release      the wheel as users get it, left in target/python/wheels
#   scripts/python.sh wheel        the same, and no tests
#
# PYTHON names the interpreter (3.11 or newer; python3).
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-dev}" in
dev | release) profile=${1:-dev} ;;
wheel) profile=release ;;
*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
esac
target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
home=$target/python
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "python: $python is older than 3.11; name another one in PYTHON" >&2 && exit 1; }

# An environment with what a list of requirements names, made anew only when the list or the
# interpreter has changed.
environment() { # name, requirements
    local place=$home/$1 stamp
    stamp=$("$python" -VV && cat "$2")
    [ -f "$place/stamp" ] && [ "$(cat "$place/stamp")" = "$stamp" ] && return
    rm -rf "$place"
    "$python" -m venv "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
    printf '%s\n' "$stamp" >"$place/stamp"
}
environment venv-build python/requirements-build.txt

# maturin takes an interpreter to ask for its platform; the wheel is the same for all of them.
wheels=$home/wheels/$profile
rm -rf "$wheels"
"$home/venv-build/bin/maturin" build --quiet --locked --profile "$profile" --manifest-path python/Cargo.toml \
    --interpreter "$home/venv-build/bin/python" --out "$wheels"
wheel=$(echo "$wheels"/readdress-*.whl)
[ "${1:-dev}" = wheel ] && echo "python: $(basename "$wheel")" && exit 0
environment venv-test python/requirements-test.txt
"$home/venv-test/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$wheel"
echo "python: $(basename "$wheel"), profile $profile, $(($(stat -c %s "$wheel") / 1024)) KiB"

# Away from the sources, so that nothing but the wheel can be imported.
cd python/tests
run() { "$home/venv-test/bin/python" -I -m "$@"; }
run pytest -q -c ../pyproject.toml --rootdir .. -o cache_dir="$home/pytest" .
run mypy.stubtest readdress --ignore-missing-stub --mypy-config-file ../pyproject.toml --allowlist stubtest.txt
run mypy --config-file ../pyproject.toml --cache-dir "$home/mypy" typing_use.py
"$home/venv-test/bin/python" -I typing_use.py
