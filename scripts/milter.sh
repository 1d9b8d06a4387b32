#!/usr/bin/env bash
# The milter (examples/milter), built against the installed library as operators do, and driven by an MTA that
# the tests are: plain, under both sanitizers, and under valgrind, at the same time.
#
#   scripts/milter.sh [build]     builds it, and does not test it
#
# Before it: `cargo build --release`. It needs libmilter; where that can't be had it is skipped loudly, and
# under READDRESS_STRICT=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
made=$target/milter
stage=$made/stage

skipped() { # what is missing
    echo "milter: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    return 0
}

has_libmilter() { echo '#include <libmilter/mfapi.h>' | cc -E - >/dev/null 2>&1; }
if ! has_libmilter && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "milter: installing libmilter-dev"
    install() { DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y --no-remove --no-install-recommends libmilter-dev; }
    install >/dev/null 2>&1 || { timeout 120 apt-get update -q && install; } >/dev/null 2>&1 || true
fi
if ! has_libmilter; then
    skipped "libmilter is missing (Debian: libmilter-dev)"
    exit 0
fi

rm -rf "$made"
mkdir -p "$made/plain" "$made/sanitized"
PREFIX=$stage LIBDIR=$stage/lib DESTDIR='' scripts/install.sh
export PKG_CONFIG_PATH=$stage/lib/pkgconfig
build() { # folder, flags
    make -s -C examples/milter OUT="$1" CFLAGS="-g -Werror $2" LDFLAGS="-Wl,-rpath,$stage/lib"
}
build "$made/plain" -O2
cp "$made/plain/readdress-milter" "$made/readdress-milter"
[ "${1:-}" = build ] && exit 0
build "$made/sanitized" "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
make -s -C examples/milter install OUT="$made/plain" DESTDIR="$made/root" CFLAGS="-g -Werror -O2"
if command -v groff >/dev/null 2>&1; then
    [ -z "$(groff -Wall -mandoc -Tutf8 examples/milter/readdress-milter.8 2>&1 >/dev/null)" ] ||
        { echo "milter: groff has something to say about the manual page" >&2 && exit 1; }
fi

# Each ends its milters itself, and finds fault with one that doesn't exit with 0.
check() { # name, folder of the program, more
    local name=$1 folder=$2
    shift 2
    PYTHONDONTWRITEBYTECODE=1 timeout 120 python3 tests/milter/check.py "$folder/readdress-milter" \
        "$target/release/readdress" "$@" >"$made/$name.log" 2>&1 || { cat "$made/$name.log" >&2 && return 1; }
    echo "milter: $name: $(sed -n 's/^Ran \(.*\) in .*/\1/p' "$made/$name.log")"
}
if command -v valgrind >/dev/null 2>&1; then
    watched="valgrind --quiet --fair-sched=yes --leak-check=full --show-leak-kinds=definite,indirect"
    watched+=" --errors-for-leak-kinds=definite,indirect --error-exitcode=99"
    # How it starts and ends, the sanitizers see.
    check valgrind "$made/plain" --under "$watched" \
        Rewriting Recipients Fields Failures Sessions Logs Unmapped Maps Shadow &
    valgrind=$!
else
    skipped "no valgrind"
fi
failed=0
check plain "$made/plain" || failed=1
ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 check sanitizers "$made/sanitized" || failed=1
[ -z "${valgrind:-}" ] || wait "$valgrind" || failed=1
exit "$failed"
