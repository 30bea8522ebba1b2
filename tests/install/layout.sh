#!/usr/bin/env bash
# What is installed, and what it says.
. "$(dirname "$0")/lib.sh"

# Once, before all others: installs, and moves the installed tree away from where it was made.
setup_moved_installation() {
    rm -rf "$AP_INSTALLED" "$AP_FIRST"
    make_install install target="$AP_WORK/make" PREFIX="$AP_FIRST" LIBDIR=lib
    mkdir -p "$(dirname "$AP_INSTALLED")"
    mv "$AP_FIRST" "$AP_INSTALLED"
}

wanted_files() { # wanted_files <libdir>
    perl "$AP_ROOT/scripts/man-pages" "$include/async_producer.h" "$work/man"
    installed_files "$work/man" | sed 's|^|share/man/|' >"$work/pages"
    declared | sed 's|.*|share/man/man3/&.3|' | LC_ALL=C comm -23 - "$work/pages" | grep . && fail "no page for these"
    LC_ALL=C sort - "$work/pages" <<LIST
include/async_producer.h
include/async_producer.hpp
$1/cmake/AsyncProducer/AsyncProducerConfig.cmake
$1/cmake/AsyncProducer/AsyncProducerConfigVersion.cmake
$1/cmake/AsyncProducer/AsyncProducerTargets.cmake
$1/libasync_producer.a
$1/libasync_producer.so
$1/$soname
$1/libasync_producer.so.$version
$1/pkgconfig/async_producer.pc
$(cd "$AP_ROOT" && printf 'share/doc/async_producer/%s\n' README.md CHANGELOG.md LICENSE* docs/*.md)
LIST
}

case_every_file_is_in_its_place() {
    expect_equal "the installed files" "$(wanted_files lib)" "$(installed_files "$AP_INSTALLED")"
    cmp "$AP_INCLUDE_DIR/async_producer.h" "$include/async_producer.h"
    cmp "$AP_INCLUDE_DIR/async_producer.hpp" "$include/async_producer.hpp"
}

case_distributions_stage_it_with_destdir_and_libdir() {
    local staged=$work/stage$work/usr
    make_install install target="$work/make" PREFIX="$work/usr" LIBDIR=lib/x86_64-linux-gnu DESTDIR="$work/stage"
    [ ! -e "$work/usr" ] || fail "something was installed outside of DESTDIR"
    expect_equal "the staged files" "$(wanted_files lib/x86_64-linux-gnu)" "$(installed_files "$staged")"

    project ten_lines
    AP_INSTALLED=$staged configure ten_lines
    build ten_lines
    expect_delivered "$work/ten_lines/build/deliver"
    expect_equal "libdir" "$staged/lib/x86_64-linux-gnu" "$(directory libdir "$staged/lib/x86_64-linux-gnu")"
    expect_equal "includedir" "$staged/include" "$(directory includedir "$staged/lib/x86_64-linux-gnu")"

    make_install uninstall target="$work/make" DESTDIR="$work/stage"
    expect_equal "what uninstalling leaves" "" "$(installed_files "$work/stage")"
    expect_equal "directories of ours" "" "$(find "$work/stage" -iname '*async*producer*')"
}

case_uninstall_removes_what_was_installed_and_nothing_else() {
    make_install install target="$work/make" PREFIX="$work/prefix"
    touch "$work/prefix/lib/other.so" "$work/prefix/share/doc/async_producer/mine.txt"
    make_install uninstall target="$work/make"
    expect_equal "what is left" $'lib/other.so\nshare/doc/async_producer/mine.txt' "$(installed_files "$work/prefix")"
}

# Neither the build's directories nor the prefix, nor any other place on the machine that built it.
case_no_installed_file_names_a_directory_of_the_build() {
    local place
    for place in "$AP_ROOT" "$AP_WORK" "$AP_FIRST" "$AP_INSTALLED" "$AP_LIBRARY_DIR" "$HOME" \
        "${CARGO_HOME:-$HOME/.cargo}"; do
        [ "$place" = / ] && continue
        ! LC_ALL=C grep -rlaP -- "(?<![\\w./-])\\Q$place\\E/" "$AP_INSTALLED" || fail "these name $place"
    done
    place=$(strings "$lib/libasync_producer.so" | sed -nE 's/^(ENGINESDIR|MODULESDIR): "(.*)"/\2/p' |
        grep -v '^/nonexistent/') && fail "OpenSSL would load plug-ins from $place"
    return 0
}

case_the_shared_library_has_its_soname_and_no_search_path() {
    local dynamic
    dynamic=$(readelf -d "$lib/libasync_producer.so")
    expect_match "SONAME" "\(SONAME\).*\[${soname//./\\.}\]" "$dynamic"
    expect_match "flags" 'FLAGS_1\).*NODELETE' "$dynamic"
    ! grep -E 'RPATH|RUNPATH' <<<"$dynamic" || fail "it has a search path"
    expect_equal "link" "libasync_producer.so.$version" "$(readlink "$lib/$soname")"
    expect_equal "link" "$soname" "$(readlink "$lib/libasync_producer.so")"
}

case_the_shared_library_needs_the_c_library_alone() {
    local other
    other=$(needed "$lib/libasync_producer.so" |
        grep -vE '^(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux-[a-z0-9_-]+)\.so\.[0-9]+$') &&
        fail "it also needs $other"
    return 0
}

# The functions the header declares, by the compiler's own account.
declared() {
    printf '#define AP_API __attribute__((used)) extern\n#include <async_producer.h>\n' |
        gcc -E -I"$include" - | grep -oE '\bap_[a-z_]+\(' | tr -d '(' | LC_ALL=C sort -u
}

global_symbols() { nm "$@" --defined-only | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u; }

case_the_shared_library_exports_what_the_header_declares_and_no_more() {
    expect_equal "exported symbols" "$(declared)" "$(global_symbols -D "$lib/libasync_producer.so")"
    ! readelf -S "$lib/libasync_producer.so" | grep -E '\.(symtab|debug)' || fail "it is not stripped"
}

case_the_static_library_defines_what_the_header_declares_and_no_more() {
    expect_equal "global symbols" "$(declared)" "$(global_symbols -g "$lib/libasync_producer.a")"
}

# names <language> <header>: the macros a header adds to those of the standard headers it includes.
macros() {
    local standard
    standard=$(grep -E '^#include <' "$include/$2")
    diff <(gcc -x "$1" -dM -E - <<<"$standard" | sort) \
        <(gcc -x "$1" -I"$include" -dM -E - <<<"$standard"$'\n'"#include <$2>" | sort) |
        sed -nE 's/^> #define ([A-Za-z0-9_]+).*/\1/p'
}

case_the_headers_define_no_macro_without_their_prefix() {
    local foreign
    expect_match "macros" '^AP_VERSION_STRING$' "$(macros c async_producer.h)"
    foreign=$(printf '%s\n' "$(macros c async_producer.h)" "$(macros c++ async_producer.hpp)" |
        grep -vE '^(AP_|ASYNC_PRODUCER_)') && fail "also defined: $foreign"
    return 0
}

case_the_version_is_the_same_everywhere() {
    local found
    found=$(printf '#include <async_producer.h>\nAP_VERSION_STRING\n' | gcc -I"$include" -E -P - | tail -n 1)
    expect_equal "header" "\"$version\"" "$found"
    expect_equal "pkg-config" "$version" "$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --modversion async_producer)"
    expect_match "CMake" "PACKAGE_VERSION \"$version\"" \
        "$(cat "$lib/cmake/AsyncProducer/AsyncProducerConfigVersion.cmake")"
}

case_without_the_openssl_inside_there_is_no_static_library() {
    local said
    system_openssl() {
        "$CMAKE" -S "$AP_ROOT/cmake" -B "$work/build" -DCMAKE_INSTALL_PREFIX="$work/prefix" -DCMAKE_INSTALL_LIBDIR=lib \
            -DASYNC_PRODUCER_LIBRARY_DIR="$AP_LIBRARY_DIR" -DASYNC_PRODUCER_FEATURES=ssl-system "$@" 2>&1
    }
    system_openssl
    "$CMAKE" --build "$work/build"
    "$CMAKE" --install "$work/build"
    expect_equal "the installed files" "$(wanted_files lib | grep -v '\.a$')" "$(installed_files "$work/prefix")"
    expect_equal "private libraries" "" \
        "$(sed -n 's/^Libs.private: *//p' "$work/prefix/lib/pkgconfig/async_producer.pc")"

    said=$(system_openssl -DASYNC_PRODUCER_STATIC=ON) && fail "ASYNC_PRODUCER_STATIC=ON was not refused"
    expect_match "the refusal" 'ASYNC_PRODUCER_STATIC needs the feature ssl-vendored' "$(tr -s ' \n' ' ' <<<"$said")"
}

case_components_split_it_into_runtime_and_development() {
    local component
    for component in runtime development; do
        "$CMAKE" --install "$AP_WORK/make/cmake" --component $component --prefix "$work/$component"
    done
    expect_equal "runtime" "lib/$soname"$'\n'"lib/libasync_producer.so.$version" "$(installed_files "$work/runtime")"
    expect_equal "both" "$(wanted_files lib)" \
        "$( (installed_files "$work/runtime"; installed_files "$work/development") | LC_ALL=C sort)"
}

"$1"
