#!/usr/bin/env bash
# Installs what `cargo build --release` has made: header, libraries, pkg-config file and command.
#
#   scripts/install.sh            into /usr/local
#
# PREFIX names another place, LIBDIR the folder for libraries (PREFIX/lib), and DESTDIR a folder that
# everything is put below, as packagers do. Each file is put into place by renaming, so that programs
# that run keep the library they have.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
made=${CARGO_TARGET_DIR:-target}/release
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
abi=$(sed -n 's/^#define READDRESS_ABI_VERSION //p' include/readdress.h)

place() { # mode, file, place
    local new=${DESTDIR:-}$3.new
    install -D -m "$1" "$2" "$new"
    mv -f "$new" "${DESTDIR:-}$3"
}
for file in libreaddress.so libreaddress.a readdress; do
    [ -e "$made/$file" ] || { echo "install: no $made/$file; run 'cargo build --release' first" >&2 && exit 1; }
done

place 644 include/readdress.h "$prefix/include/readdress.h"
place 755 "$made/libreaddress.so" "$libdir/libreaddress.so.$version"
place 644 "$made/libreaddress.a" "$libdir/libreaddress.a"
place 755 "$made/readdress" "$prefix/bin/readdress"
ln -sfn "libreaddress.so.$version" "${DESTDIR:-}$libdir/libreaddress.so.$abi"
ln -sfn "libreaddress.so.$abi" "${DESTDIR:-}$libdir/libreaddress.so"

pc=$(mktemp)
trap 'rm -f "$pc"' EXIT
cat >"$pc" <<END
prefix=$prefix
libdir=$libdir
includedir=\${prefix}/include

Name: readdress
Description: Rewrites the addresses of messages and envelopes at the mail edge
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lreaddress
Libs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
END
place 644 "$pc" "$libdir/pkgconfig/readdress.pc"
echo "install: readdress $version below ${DESTDIR:-}$prefix"
