#!/usr/bin/env bash
# Builds the fuzz targets and runs them: `fuzz.sh smoke SECONDS` shares the seconds among the
# targets, `fuzz.sh long SECONDS` gives them to each. Works with a stable compiler: coverage comes
# from LLVM's own pass, and the code under test has no unsafe block for a sanitizer to watch.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=$1 seconds=$2
targets=(scan address_list map_open rewrite route)
if ! command -v g++ >/dev/null 2>&1; then
    echo "fuzz: SKIPPED, no C++ compiler" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    exit 0
fi

host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/fuzz/target}"
flags="--cfg fuzzing -C debug-assertions -C overflow-checks -C codegen-units=1 -C passes=sancov-module"
flags+=" -C llvm-args=-sanitizer-coverage-level=4 -C llvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$flags" cargo build --release --locked --quiet --manifest-path fuzz/Cargo.toml --target "$host"

[ "$mode" = smoke ] && seconds=$((seconds / ${#targets[@]}))
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    echo "fuzz: $target for $seconds s"
    log=$(mktemp)
    if ! "$CARGO_TARGET_DIR/$host/release/$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
        -max_len=4096 -artifact_prefix="fuzz/artifacts/$target/" "fuzz/corpus/$target" "fuzz/seeds/$target" 2>"$log"; then
        tail -n 40 "$log" >&2
        echo "fuzz: $target FAILED; the input is in fuzz/artifacts/$target" >&2
        exit 1
    fi
    tail -n 1 "$log"
    rm -f "$log"
done
