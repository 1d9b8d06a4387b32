#!/usr/bin/env bash
# The engine beside Python's email, mail-parser and GMime: which octets are addr-specs? Builds the
# peers and prints how often which class of disagreement occurs; one without a class is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
READDRESS_PEERS=$target/differential
export READDRESS_PEERS
rm -rf "$READDRESS_PEERS"
mkdir -p "$READDRESS_PEERS"

skipped() { # what is missing
    echo "differential: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    return 0
}

if ! pkg-config --exists gmime-3.0 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "differential: installing libgmime-3.0-dev"
    apt-get install -y --no-install-recommends libgmime-3.0-dev >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null && apt-get install -y --no-install-recommends libgmime-3.0-dev >/dev/null; } || true
fi
if pkg-config --exists gmime-3.0 2>/dev/null; then
    read -ra flags <<<"$(pkg-config --cflags --libs gmime-3.0)"
    cc -O1 -g -Wall -Wextra -Werror tests/differential/peers/gmime.c "${flags[@]}" -o "$READDRESS_PEERS/gmime"
else
    skipped "GMime (Debian: libgmime-3.0-dev)"
fi

# It declares a newer toolchain than it needs; where it needs it, the build fails.
if CARGO_TARGET_DIR=$target/differential-build cargo build --quiet --release --locked --ignore-rust-version \
    --manifest-path tests/differential/peers/mail-parser/Cargo.toml; then
    cp "$target/differential-build/release/readdress-peer-mail-parser" "$READDRESS_PEERS/mail-parser"
else
    skipped "mail-parser: it does not build with this toolchain"
fi

[ -d "${READDRESS_CORPUS:-../shared/corpus/eml}" ] || echo "differential: no corpus of real mail: fixtures only" >&2
cargo test --workspace --locked --test differential -- --nocapture --test-threads 1
