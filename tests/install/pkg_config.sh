#!/usr/bin/env bash
# Programs that find the library with pkg-config.
. "$(dirname "$0")/lib.sh"

export PKG_CONFIG_PATH=$lib/pkgconfig

# compile <program> <flag ...>: pkg-config escapes spaces for a shell, so a shell reads its flags.
compile() { eval "gcc -std=c99 ${warnings[*]} '$tests/deliver.c' -o '$work/$1' ${*:2}"; }

case_gcc_links_the_shared_library() {
    compile shared "$(pkg-config --cflags --libs async_producer)" "-Wl,-rpath,'$lib'"
    expect_delivered "$work/shared"
    expect_shared "$work/shared"
}

# As docs/install.md says it.
case_gcc_links_the_static_library() {
    compile static "$(pkg-config --static --cflags --libs async_producer |
        sed s/-lasync_producer/-l:libasync_producer.a/)"
    expect_delivered "$work/static"
    expect_static "$work/static"
}

case_gcc_makes_a_fully_static_program() {
    compile whole -static "$(pkg-config --static --cflags --libs async_producer)"
    expect_equal "libraries it needs" "" "$(needed "$work/whole")"
    expect_delivered "$work/whole"
}

# Nothing but the C library's own parts, and nothing it can do without.
case_the_private_libraries_are_the_systems() {
    expect_equal "shared" "-lasync_producer" "$(pkg-config --libs-only-l async_producer | xargs)"
    expect_equal "static" "-lasync_producer -lpthread -ldl -lm -lrt" \
        "$(pkg-config --static --libs-only-l async_producer | xargs)"
    expect_equal "Requires" "" "$(pkg-config --print-requires --print-requires-private async_producer)"
}

case_define_prefix_changes_nothing() {
    local how
    for how in --define-prefix --dont-define-prefix; do
        compile "defined$how" "$(pkg-config $how --cflags --libs async_producer)" "-Wl,-rpath,'$lib'"
        expect_delivered "$work/defined$how"
    done
}

case_the_directories_are_those_of_the_moved_tree() {
    expect_equal "prefix" "$AP_INSTALLED" "$(directory prefix "$lib")"
    expect_equal "libdir" "$lib" "$(directory libdir "$lib")"
    expect_equal "includedir" "$include" "$(directory includedir "$lib")"
}

"$1"
