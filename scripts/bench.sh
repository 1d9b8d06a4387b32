#!/usr/bin/env bash
# Compares: floors, the engine, other parsers and maps, the C library and the Python package, in the same
# rounds on the same octets. Prints one table with the targets, and writes docs/performance. Six minutes
# on two cores besides building.
#
#   scripts/bench.sh         all of it, with maps of 50,000 and 1,000,000 entries
#   scripts/bench.sh map     only maps and compiling, with 10,000,000 entries, too: 8 GB of memory,
#                            4 GB of disk, ten minutes more
#
# READDRESS_ENTRIES names other numbers of entries; READDRESS_CORPUS a folder of .eml files to be
# measured, too; READDRESS_DOCS another place for what is written; PYTHON an interpreter. As root on
# Debian it installs what is missing; what can't be had is skipped loudly, and under READDRESS_STRICT=1
# that is a failure. Details of our own parts: cargo bench -p readdress-benches
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-all}" in
all) counts=${READDRESS_ENTRIES:-50000 1000000} ;;
map) counts=${READDRESS_ENTRIES:-50000 1000000 10000000} ;;
*) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2 && exit 64 ;;
esac
what=${1:-all}
read -ra counts <<<"$counts"
target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
home=$target/bench
raw=$home/raw
release=$target/release
docs=${READDRESS_DOCS:-docs/performance}
# What was measured before is no part of this run.
rm -rf "$raw"
mkdir -p "$raw"

skipped() { # what is missing
    echo "bench: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    return 0
}
package() { # Debian package
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
    echo "bench: installing $1" >&2
    apt-get install -y --no-install-recommends "$1" >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null && apt-get install -y --no-install-recommends "$1" >/dev/null; } || true
}
# A C file of benches/c as a shared library.
shared() { # name, flags
    local name=$1
    shift
    cc -O2 -Wall -Wextra -Werror -shared -fPIC "benches/c/$name.c" "$@" -o "$home/$name.so"
}
# An environment for Python, made anew when it or what it is to have has changed.
environment() { # name, requirements
    local place=$home/$1 stamp
    stamp=$("${PYTHON:-python3}" -VV && cat "$2")
    [ -f "$place/stamp" ] && [ "$(cat "$place/stamp")" = "$stamp" ] && return
    "${PYTHON:-python3}" -m venv --clear "$place" &&
        "$place/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2" &&
        printf '%s\n' "$stamp" >"$place/stamp"
}

echo "bench: building" >&2
cargo build --release --locked --quiet -p readdress-ffi -p readdress-benches
# mail-parser declares a newer compiler than it needs.
cargo build --release --locked --quiet --ignore-rust-version --manifest-path benches/peers/Cargo.toml
pkg-config --exists libcdb 2>/dev/null || [ -e /usr/include/cdb.h ] || package libcdb-dev
cdb=-
if shared cdb -lcdb 2>"$home/cdb.log"; then cdb=$home/cdb.so; else skipped "cdb (Debian: libcdb-dev)"; fi

if [ "$what" = all ]; then
    pkg-config --exists gmime-3.0 2>/dev/null || package libgmime-3.0-dev
    libraries=("$release/libreaddress.so")
    if pkg-config --exists gmime-3.0 2>/dev/null; then
        read -ra flags <<<"$(pkg-config --cflags --libs gmime-3.0)"
        shared gmime "${flags[@]}"
        libraries+=("$home/gmime.so")
    else
        skipped "GMime (Debian: libgmime-3.0-dev)"
    fi
    # The name that programs look for at run time: the library's soname.
    ln -sf libreaddress.so "$release/libreaddress.so.0"
    shared call -Iinclude -L"$release" -lreaddress -Wl,-rpath,"$release"
    has_python=no
    wheels=$target/python/wheels/release
    # The package in an environment of its own: tests may put another build into theirs at any time.
    if scripts/python.sh wheel >"$home/python.log" 2>&1 && "${PYTHON:-python3}" -m venv --clear "$home/venv" &&
        "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index \
            "$wheels"/readdress-*.whl; then
        has_python=yes
    else
        tail -n 20 "$home/python.log" >&2
        skipped "Python: the package could not be built"
    fi
    corpus=${READDRESS_CORPUS:-../shared/corpus/eml}
    if [ -d "$corpus" ]; then
        export READDRESS_CORPUS=$corpus
    else
        unset READDRESS_CORPUS
        echo "bench: no corpus of real mail: generated mail only" >&2
    fi

    echo "bench: measuring messages" >&2
    "$release/peers" messages "${libraries[@]}" >"$raw/messages.json"
    if [ "$has_python" = yes ]; then
        echo "bench: measuring Python" >&2
        rm -rf "$home/corpus"
        "$release/generate" "$home/corpus"
        "$home/venv/bin/python" -I benches/python/call.py "$home/corpus" "$home/call.so" >"$raw/python.json"
        rm -rf "$home/corpus"
    fi
fi

echo "bench: measuring maps" >&2
"$release/compile" "$home/plan" "${counts[@]}" >"$raw/compile.json"
rm -rf "$home/plan"
"$release/peers" maps "$home/maps" "$cdb" "${counts[@]}" >"$raw/maps.json"
rm -rf "$home/maps"

python=${PYTHON:-python3}
if environment venv-report benches/report/requirements.txt; then
    python=$home/venv-report/bin/python
else
    skipped "plots: matplotlib can't be installed"
fi
"$python" -I benches/report/report.py "$raw" "$docs"
