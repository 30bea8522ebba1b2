# What the tests of an installation share. Each of the other files runs the function that is its argument, a case_...
# that CMakeLists.txt made a test of. The variables come from there too:
#
#   CMAKE           the cmake that runs the tests
#   AP_ROOT         the source tree
#   AP_LIBRARY_DIR  where cargo built the library
#   AP_INCLUDE_DIR  where its headers are
#   AP_INSTALLED    the installation under test: made elsewhere by `make install`, then moved here
#   AP_FIRST        where it was made
#   AP_WORK         the build directory of the tests
# shellcheck shell=bash
set -euo pipefail
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR PREFIX LIBDIR
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR LD_LIBRARY_PATH CMAKE_PREFIX_PATH BUILD_SHARED_LIBS

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lib=$AP_INSTALLED/lib
include=$AP_INSTALLED/include
version=$(sed -nE 's/^version = "(.*)"/\1/p' "$AP_ROOT/Cargo.toml" | head -n 1)
series=${version%.*}
soname=libasync_producer.so.$(sed -nE 's/^const SOVERSION: u32 = ([0-9]+);/\1/p' "$AP_ROOT/build.rs")
warnings=(-Wall -Wextra -Wpedantic -Werror)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

expect_equal() { # expect_equal <what> <wanted> <found>
    [ "$2" = "$3" ] || fail "$1: wanted and found differ"$'\n'"$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3"))"
}

expect_match() { # expect_match <what> <extended regex> <text>
    grep -qE -- "$2" <<<"$3" || fail "$1: no '$2' in: $3"
}

# inside <crate>: the version that a -sys crate says is inside it, after the +.
inside() {
    local found
    found=$(sed -nE "/^name = \"$1\"/{n;s/.*\\+([0-9.]+)\".*/\\1/p}" "$AP_ROOT/Cargo.lock")
    [ -n "$found" ] || fail "no $1 in Cargo.lock"
    printf '%s\n' "$found"
}

installed_files() { (cd "$1" && find . ! -type d | sed 's|^\./||' | LC_ALL=C sort); } # installed_files <directory>
make_install() { make --no-print-directory -C "$AP_ROOT" library="$AP_LIBRARY_DIR" CMAKE="$CMAKE" "$@" >&2; }

# project <name>: a copy of a directory of projects, outside of the source tree, with the programs beside it.
project() {
    mkdir "$work/$1"
    cp "$tests/$1/CMakeLists.txt" "$tests/deliver.c" "$tests/deliver.cpp" "$work/$1/"
}

configure() { "$CMAKE" -S "$work/$1" -B "$work/$1/build" -DCMAKE_PREFIX_PATH="$AP_INSTALLED" "${@:2}" 2>&1; }
build() { "$CMAKE" --build "$work/$1/build" >&2; }

expect_delivered() { # expect_delivered <program> [argument ...]
    local said
    said=$("$@") || fail "$1 answered $?"
    expect_match "$1" "^delivered by async_producer ${version//./\\.} \(librdkafka $(inside rdkafka-sys)\)" "$said"
    printf '%s\n' "$said"
}

# directory <variable> <libdir>: a directory as its .pc file has it. pkg-config escapes spaces for a shell.
directory() { eval "realpath $(PKG_CONFIG_PATH=$2/pkgconfig pkg-config --variable="$1" async_producer)"; }

needed() { readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'; }

expect_shared() { # expect_shared <program>: it has the installed library loaded
    expect_match "$1" "^$soname\$" "$(needed "$1")"
    expect_match "$1" "^${lib//./\\.}/${soname//./\\.}\$" "$(ldd "$1" | sed -nE "s/.*$soname => (.*) \(0x.*/\1/p")"
}

expect_static() { # expect_static <program>
    needed "$1" | grep async_producer && fail "$1 needs a shared library of ours"
    return 0
}
