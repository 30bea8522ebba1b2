#!/usr/bin/env bash
# async_producer beside another librdkafka and another OpenSSL in one program: each keeps to its own.
. "$(dirname "$0")/lib.sh"

static_archives() { # static_archives <name> ...
    local name
    for name in "$@"; do gcc -print-file-name="lib$name.a"; done
}

# Links and runs neighbours.c, with ours and with theirs first. -rdynamic offers the program's symbols to every library.
link_and_run() { # link_and_run <kind of ours> <kind of theirs>
    local ours=() theirs=() libraries order said
    case $1 in
    shared) ours=("-L$lib" -lasync_producer "-Wl,-rpath,$lib") ;;
    static) ours=("$lib/libasync_producer.a") ;;
    esac
    case $2 in
    shared) theirs=(-lrdkafka -lssl -lcrypto) ;;
    static) mapfile -t theirs < <(static_archives rdkafka ssl crypto z zstd lz4) && theirs+=(-lsasl2) ;;
    esac
    gcc -std=c99 -D_POSIX_C_SOURCE=200809L "${warnings[@]}" -I"$include" -c "$tests/neighbours.c" -o "$work/main.o"
    for order in ours_first theirs_first; do
        libraries=("${ours[@]}" "${theirs[@]}")
        [ $order = ours_first ] || libraries=("${theirs[@]}" "${ours[@]}")
        gcc -rdynamic "$work/main.o" "${libraries[@]}" -lpthread -ldl -lm -lrt -o "$work/$order"
        said=$("$work/$order") || fail "$order answered $?"
        expect_equal "$order" "$wanted" "$said"
    done
}

own_openssl=$(pkg-config --modversion libcrypto)
wanted="own_librdkafka=$(pkg-config --modversion rdkafka)
inner_librdkafka=$(inside rdkafka-sys)
own_openssl=$own_openssl
own_sha256=$(printf abc | sha256sum | cut -d ' ' -f 1)
own_client_openssl=$own_openssl
inner_openssl=$(inside openssl-src)
own_delivered=1
inner_delivered=1"

case_static_beside_shared_ones() { link_and_run static shared; }
case_static_beside_static_ones() { link_and_run static static; }
case_shared_beside_shared_ones() { link_and_run shared shared; }
case_shared_beside_static_ones() { link_and_run shared static; }

# Or the cases above could not fail.
case_the_neighbours_are_not_the_same() {
    [ "$(pkg-config --modversion rdkafka)" != "$(inside rdkafka-sys)" ] || fail "librdkafka is the system's"
    [ "$own_openssl" != "$(inside openssl-src)" ] || fail "OpenSSL is the system's"
}

"$1"
