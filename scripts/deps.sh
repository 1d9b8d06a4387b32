#!/usr/bin/env bash
# Looks for the tools that building and testing need. As root on Debian it installs what is
# missing; elsewhere it says what is missing and what will be skipped for it. Under
# READDRESS_STRICT=1 anything missing is a failure.
set -euo pipefail

missing=()
need() { # command, Debian package, what it is for
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "deps: installing $2 ($3)"
        apt-get install -y --no-install-recommends "$2" >/dev/null 2>&1 ||
            { apt-get update -q >/dev/null && apt-get install -y --no-install-recommends "$2" >/dev/null; } || true
        command -v "$1" >/dev/null 2>&1 && return
    fi
    missing+=("$1 (Debian: $2): $3")
}

need_module() { # module of Python, Debian package, what it is for
    python3 -c "import $1, ensurepip" 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "deps: installing $2 ($3)"
        apt-get install -y --no-install-recommends "$2" >/dev/null 2>&1 || true
        python3 -c "import $1, ensurepip" 2>/dev/null && return
    fi
    missing+=("python3 -m $1 (Debian: $2): $3")
}
need cargo cargo "building; rust 1.89 or newer"
need cc gcc "building BLAKE3, and the C programs"
need g++ g++ "the fuzzing engine, and the header in C++: without it both are skipped"
need pkg-config pkgconf "the C programs, which are built against the installed library"
need valgrind valgrind "the C tests under valgrind: without it they run plain and sanitized"
need python3 python3 "the Python package and its tests, and the licence check"
need_module venv python3-venv "the environments that the Python package is built and tested in"

if [ "${#missing[@]}" -gt 0 ]; then
    printf 'deps: MISSING %s\n' "${missing[@]}" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
fi
exit 0
