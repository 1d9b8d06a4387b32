#!/usr/bin/env bash
# The C library as its users meet it: installed, found by pkg-config, built by a strict compiler.
#
#   scripts/c.sh           examples and tests plain, under both sanitizers and valgrind
#   scripts/c.sh threads   reloads while threads rewrite, under ThreadSanitizer, std instrumented too
#                          (builds the standard library: three minutes)
#
# Before it: `cargo build --release`.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
target=$(mkdir -p "$target" && cd "$target" && pwd)
made=$target/c
stage=$made/stage
plan=examples/shared-domain/plan.toml
message=examples/shared-domain/message.eml
strict="-g -Wall -Wextra -Wpedantic -Wconversion -Wstrict-prototypes -Werror"
mkdir -p "$made"
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

skipped() { # what is missing
    echo "c: SKIPPED: $1" >&2
    [ "${READDRESS_STRICT:-0}" = 1 ] && exit 1
    return 0
}

fail() {
    echo "c: $1" >&2
    exit 1
}

# ---- ThreadSanitizer -------------------------------------------------------------------------------

threads() {
    local host runtime library
    host=$(rustc -vV | sed -n 's/^host: //p')
    runtime=$(find "$(rustc --print sysroot)/lib/rustlib/$host/lib" -name '*_rt.tsan.a' | head -n 1)
    local sources
    sources=$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock
    [ -e "$sources" ] || rustup component add rust-src >/dev/null 2>&1 || true
    if [ -z "$runtime" ] || [ ! -e "$sources" ]; then
        skipped "ThreadSanitizer needs the compiler's own runtime and its component rust-src"
        return 0
    fi
    # The standard library is built anew: without its own accesses the sanitizer can't see that one
    # thread's last use of an Arc comes before another one's free.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR="$target/threads" cargo build --quiet --locked \
        -Zbuild-std=std,panic_unwind --target "$host" -p readdress-ffi --no-default-features
    library=$target/threads/$host/debug/libreaddress.a
    build() { # source, program
        # Linked with the runtime of the compiler that made the library: gcc's is an older one.
        cc -fsanitize=thread -g -O1 -pthread -Iinclude -c "$1" -o "$2.o"
        cc -pthread "$2.o" "$library" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive -lm -ldl -lrt -lresolv -o "$2"
    }
    build ffi/tests/c/race.c "$made/race"
    if TSAN_OPTIONS=exitcode=66 "$made/race" >/dev/null 2>&1; then
        fail "ThreadSanitizer does not see a race that is there"
    fi
    build examples/reload.c "$made/reload-threads"
    TSAN_OPTIONS=halt_on_error=1 "$made/reload-threads" "$files" 10000 4
    echo "c: ThreadSanitizer saw nothing"
}

if [ "${1:-}" = threads ]; then
    threads
    exit 0
fi

# ---- the installed files ---------------------------------------------------------------------------

rm -rf "$stage"
PREFIX=$stage LIBDIR=$stage/lib DESTDIR='' scripts/install.sh
export PKG_CONFIG_PATH=$stage/lib/pkgconfig
flags=$(pkg-config --cflags --libs readdress)
rpath=-Wl,-rpath,$stage/lib

# What the library exports is what the list says, and nothing else.
exports=$(nm -D --defined-only "$stage/lib/libreaddress.so" | awk '{ print $3 }' | sort)
diff <(sort ffi/symbols.txt) <(echo "$exports") >&2 || fail "libreaddress.so exports something else than ffi/symbols.txt"
readelf -d "$stage/lib/libreaddress.so" | grep -q 'SONAME.*\[libreaddress\.so\.[0-9]*\]' || fail "no soname"

# ---- plain -----------------------------------------------------------------------------------------

for standard in c99 c11 c2x; do
    for example in rewrite fields reload route; do
        cc -std=$standard -O2 $strict -pthread "examples/$example.c" $flags $rpath -o "$made/$example"
    done
    for test in api misuse memory routing account warm; do
        cc -std=$standard -O2 $strict "ffi/tests/c/$test.c" $flags $rpath -o "$made/$test"
    done
done
if command -v c++ >/dev/null 2>&1; then
    c++ -std=c++11 $(tr ' ' '\n' <<<"$strict" | grep -v prototypes) -Wold-style-cast ffi/tests/c/header.cpp \
        $flags $rpath -o "$made/header"
    "$made/header" || fail "the header in C++"
else
    skipped "no C++ compiler for the header in C++11"
fi
cc -O2 -I"$stage/include" examples/rewrite.c "$stage/lib/libreaddress.a" \
    $(pkg-config --static --libs-only-l readdress | sed 's/-lreaddress//') -o "$made/rewrite-static"

"$made/api" "$files" "$plan"
"$made/misuse" "$files" "$plan"
"$made/memory" "$files"
"$made/warm" "$files"
"$made/routing" "$files"
timeout 300 "$made/reload" "$files" 10000 4 1000

"$stage/bin/readdress" compile "$plan" -o "$files/contoso.map"
"$stage/bin/readdress" rewrite --map "$files/contoso.map" --direction outbound "$message" >"$files/wanted"
cmp -s "$message" "$files/wanted" && fail "the example's message has nothing to rewrite"
examples() { # folder with the programs, what to run them with
    local with=${2:-} program
    for program in rewrite ${3:-}; do
        $with "$1/$program" "$files/contoso.map" outbound <"$message" | cmp - "$files/wanted"
    done
    $with "$1/fields" "$files/contoso.map" outbound '<john@tenant1.contoso.com>' '<mary@contoso.com>' \
        <"$message" >"$files/calls"
    grep -q '^smfi_chgheader From 1 ' "$files/calls"
    grep -q '^smfi_chgfrom <john@contoso.com>$' "$files/calls"
    grep -q '^smfi_addrcpt <mary' "$files/calls"
    # routing.c has written this map.
    $with "$1/route" "$files/routes.map" 192.0.2.7 mail.tenant.example '<ann@contoso.com>' '<john@contoso.com>' \
        '<nobody@contoso.com>' <"$message" >"$files/told"
    grep -q '^john@contoso.com: send to john@tenant1.contoso.com by a.example.net:25 ' "$files/told"
    grep -q '^nobody@contoso.com: answer 550 5.1.10 ' "$files/told"
    grep -q '^  because listener Tenant: ' "$files/told"
}
examples "$made" "" rewrite-static
echo "c: plain runs are right"

# ---- AddressSanitizer, UndefinedBehaviorSanitizer --------------------------------------------------

# memory.c is not among them: it takes address space away, of which AddressSanitizer needs terabytes. Nor is
# warm.c, which has a malloc of its own as they have.
mkdir -p "$made/sanitized"
for source in examples/{rewrite,fields,reload,route}.c ffi/tests/c/{api,misuse,routing}.c; do
    cc -std=c11 -O1 $strict -pthread -fsanitize=address,undefined -fno-sanitize-recover=all "$source" $flags $rpath \
        -o "$made/sanitized/$(basename "$source" .c)"
done
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
"$made/sanitized/api" "$files" "$plan"
"$made/sanitized/misuse" "$files" "$plan"
"$made/sanitized/routing" "$files"
# Without forks: AddressSanitizer's allocator may be locked for ever in a child of several threads.
timeout 120 "$made/sanitized/reload" "$files" 1000 4
examples "$made/sanitized"
echo "c: AddressSanitizer and UndefinedBehaviorSanitizer saw nothing"

# ---- a panic behind every entry point --------------------------------------------------------------

cargo build --quiet --locked -p readdress-ffi --features inject-panics
cc -std=c11 -O1 $strict ffi/tests/c/panic.c -I"$stage/include" "$target/debug/libreaddress.a" \
    $(pkg-config --static --libs-only-l readdress | sed 's/-lreaddress//') -o "$made/panic"
"$made/panic" "$files" 2>"$files/panics"
[ "$(grep -c 'injected' "$files/panics")" -ge 48 ] || fail "the panics were not printed"

# ---- valgrind --------------------------------------------------------------------------------------

if command -v valgrind >/dev/null 2>&1; then
    # "Possible" leaks are none: the standard library points to a thread's handle with a tagged pointer.
    watched="valgrind --quiet --fair-sched=yes --leak-check=full --show-leak-kinds=definite,indirect"
    watched+=" --errors-for-leak-kinds=definite,indirect --error-exitcode=99"
    $watched "$made/api" "$files" "$plan"
    $watched "$made/misuse" "$files" "$plan"
    $watched "$made/routing" "$files"
    $watched "$made/panic" "$files" 2>"$files/panics" || { grep '^==' "$files/panics" >&2 && exit 1; }
    # Without forks: a child's other threads are gone, and all that they had is a leak to valgrind.
    timeout 120 $watched "$made/reload" "$files" 100 2
    examples "$made" "$watched"
    echo "c: valgrind saw nothing"
else
    skipped "no valgrind"
fi
