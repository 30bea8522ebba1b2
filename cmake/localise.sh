#!/bin/sh
# localise.sh <in.a> <out.a>: the static library with no other global symbols than ap_*.
#
# cargo's archive brings librdkafka, OpenSSL, zlib and zstd with all their symbols. Beside a librdkafka or OpenSSL of
# the program's own the linker would silently take one of the two for both. Here what the ap_ functions need is linked
# into one object, and all other symbols become local.
set -eu

in=$1
out=$2
: "${AR:=ar}" "${LD:=ld}" "${NM:=nm}" "${OBJCOPY:=objcopy}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'localise.sh: %s\n' "$*" >&2
    exit 1
}

globals() { "$NM" -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u; }

globals "$in" 2>/dev/null >"$work/all" # It complains of each object that has none.
grep '^ap_' "$work/all" >"$work/keep" || fail "no ap_ symbol in $in"
sed 's/^/--undefined=/' "$work/keep" >"$work/roots"

# -d: common symbols get their place here, they could not be made local later. COMDAT groups are resolved, as those of
# another archive in the program would be taken for ours.
"$LD" -r -d --strip-debug --force-group-allocation -o "$work/linked.o" "@$work/roots" "$in"

# Rust's standard library has LLVM bitcode beside its code; with it, binutils that have an LLVM plugin see that alone.
"$OBJCOPY" --remove-section=.llvmbc --remove-section=.llvmcmd --keep-global-symbols="$work/keep" \
    "$work/linked.o" "$work/async_producer.o"
rm -f "$out"
"$AR" rcs "$out" "$work/async_producer.o"

globals "$out" >"$work/left"
differ=$(comm -3 "$work/keep" "$work/left" | xargs)
[ -z "$differ" ] || fail "the global symbols of $out are not the ap_ ones: $differ"
missing=$("$NM" -u "$out" | awk '$NF ~ /^(rd_kafka_|SSL_|EVP_|inflate)/ { print $NF }' | xargs)
[ -z "$missing" ] || fail "$in needs what only the feature ssl-vendored brings: $missing"
