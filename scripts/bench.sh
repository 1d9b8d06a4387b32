#!/usr/bin/env bash
# Compares: floors, the engine, mail-parser, the C library and the Python package, over the same
# messages. Prints two tables: all times as multiples of a memchr pass, and the targets. About four
# minutes on two cores besides building.
#
#   scripts/bench.sh               what benches/README.md records
#
# READDRESS_CORPUS names a folder of .eml files to be measured, too; PYTHON an interpreter. Without
# Python or its packages that part is skipped, which under READDRESS_STRICT=1 is a failure. Details
# of our own parts: cargo bench -p readdress-benches
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
home=$target/bench
release=$target/release
mkdir -p "$home"

echo "bench: building" >&2
cargo build --release --locked --quiet -p readdress-ffi -p readdress-benches
# mail-parser declares a newer compiler than it needs.
cargo build --release --locked --quiet --ignore-rust-version --manifest-path benches/peers/Cargo.toml
# The name that programs look for at run time: the library's soname.
ln -sf libreaddress.so "$release/libreaddress.so.0"
cc -O2 -Wall -Wextra -Werror -shared -fPIC -Iinclude benches/c/call.c -L"$release" -lreaddress \
    -Wl,-rpath,"$release" -o "$home/call.so"

# The package in an environment of its own: tests may put another build into theirs at any time.
python_package() {
    local wheels=$target/python/wheels/release wheel
    rm -rf "$wheels"
    # It tests what it has built. Here the wheel counts, and a failing test is not our matter.
    scripts/python.sh release >"$home/python.log" 2>&1 || true
    wheel=$(ls "$wheels"/readdress-*.whl) || { tail -n 20 "$home/python.log" >&2 && return 1; }
    "${PYTHON:-python3}" -m venv --clear "$home/venv" &&
        "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
}
has_python=yes
python_package || has_python=no

echo "bench: measuring" >&2
rm -rf "$home/corpus"
"$release/generate" "$home/corpus" 100
"$release/peers" "$release/libreaddress.so"
if [ "$has_python" = yes ]; then
    "$home/venv/bin/python" -I benches/python/call.py "$home/corpus" "$home/call.so"
else
    echo "bench: SKIPPED Python, which could not be built" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
fi
exit 0
