#!/usr/bin/env bash
# Programs that find the library with find_package().
. "$(dirname "$0")/lib.sh"

IFS=. read -r major minor patch <<<"$version"

# consumer <what to find> <target> <source> [variable ...]: builds consumer/ and leaves its path in $program.
consumer() {
    project consumer
    configure consumer -DFIND="$1" -DLINK="$2" -DSOURCE="$3" "${@:4}" || fail "it was not configured"
    build consumer
    program=$work/consumer/build/consumer
}

# refused <what to find> <extended regex> [variable ...]
refused() {
    local said
    project consumer
    said=$(configure consumer -DFIND="$1" -DLINK=AsyncProducer::async_producer -DSOURCE=deliver.c "${@:3}") &&
        fail "find_package(AsyncProducer $1) was not refused: $said"
    expect_match "the refusal of $1" "$2" "$(tr -s ' \n' ' ' <<<"$said")" # CMake wraps lines.
    printf '%s\n' "$said"
    rm -r "$work/consumer"
}

case_ten_lines_are_a_project() {
    local lines
    lines=$(wc -l <"$tests/ten_lines/CMakeLists.txt")
    [ "$lines" -le 10 ] || fail "they are $lines lines"
    project ten_lines
    configure ten_lines
    build ten_lines
    expect_delivered "$work/ten_lines/build/deliver"
}

case_a_c_program_links_the_shared_library() {
    consumer "$series;CONFIG;REQUIRED;COMPONENTS;shared" AsyncProducer::shared deliver.c
    expect_delivered "$program"
    expect_shared "$program"
}

case_a_c_program_links_the_static_library() {
    consumer "$series;CONFIG;REQUIRED;COMPONENTS;static" AsyncProducer::static deliver.c
    expect_delivered "$program"
    expect_static "$program"
}

# The target asks for C++17, also where the program alone would be content with less.
case_a_cxx17_program_links_the_cxx_target() {
    consumer "$series;CONFIG;REQUIRED;COMPONENTS;cxx" AsyncProducer::cxx deliver.cpp -DCMAKE_CXX_STANDARD=11
    expect_match "the language" 'C\+\+ 201703$' "$(expect_delivered "$program")"
    expect_shared "$program"
}

case_a_cxx20_program_links_the_cxx_target() {
    consumer "$series;CONFIG;REQUIRED;COMPONENTS;cxx" AsyncProducer::cxx deliver.cpp -DCMAKE_CXX_STANDARD=20
    expect_match "the language" 'C\+\+ 202002$' "$(expect_delivered "$program")"
}

case_a_cxx_program_can_be_static() {
    consumer "$series;CONFIG;REQUIRED;COMPONENTS;static;cxx" AsyncProducer::cxx deliver.cpp \
        -DAsyncProducer_USE_STATIC_LIBS=ON
    expect_delivered "$program"
    expect_static "$program"
}

# A shared library of the program's own that has ours inside.
case_a_plugin_can_have_the_static_library_inside() {
    consumer "$series;CONFIG;REQUIRED" AsyncProducer::static deliver.c -DPLUGIN=ON
    expect_delivered "$program"
    expect_static "$program"
}

case_the_shared_library_is_the_default() {
    consumer "$series;CONFIG;REQUIRED" AsyncProducer::async_producer deliver.c -DBUILD_SHARED_LIBS=OFF
    expect_shared "$program"
}

case_use_static_libs_makes_the_static_one_the_default() {
    consumer "$series;CONFIG;REQUIRED" AsyncProducer::async_producer deliver.c -DAsyncProducer_USE_STATIC_LIBS=ON
    expect_static "$program"
}

case_the_static_library_is_the_default_where_it_is_alone() {
    cp -a "$AP_INSTALLED" "$work/alone"
    rm "$work/alone"/lib/libasync_producer.so*
    AP_INSTALLED=$work/alone
    consumer "$series;CONFIG;REQUIRED" AsyncProducer::async_producer deliver.c
    expect_delivered "$program"
    expect_static "$program"
    rm -r "$work/consumer"
    refused "CONFIG;REQUIRED;COMPONENTS;shared" 'It has no component shared: there are static and cxx\.'
}

case_this_version_and_older_ones_of_the_same_major_are_accepted() {
    local wanted
    for wanted in "" "$major" "$major.0" "$series" "$series.0" "$version" "$version;EXACT" "$series...<$major.$((minor + 1))"; do
        consumer "$wanted;CONFIG;REQUIRED" AsyncProducer::async_producer deliver.c
        rm -r "$work/consumer"
    done
}

case_other_versions_are_refused() {
    local wanted
    for wanted in "$series.$((patch + 1))" "$major.$((minor + 1))" "$((major + 1))" "$((major + 1)).0" \
        "$series.$((patch + 1))...<$major.$((minor + 1))" "$major.$((minor + 1))...$((major + 1)).0"; do
        refused "$wanted;CONFIG;REQUIRED" "version: $version"
    done
}

case_unknown_components_are_refused_by_name() {
    refused "CONFIG;REQUIRED;COMPONENTS;shared;turbo" 'It has no component turbo: there are shared, static and cxx\.'
}

case_a_missing_static_library_is_refused_by_name() {
    cp -a "$AP_INSTALLED" "$work/shared"
    rm "$work/shared/lib/libasync_producer.a"
    AP_INSTALLED=$work/shared
    refused "CONFIG;REQUIRED;COMPONENTS;static" 'It has no component static: there are shared and cxx\.'
    refused "CONFIG;REQUIRED" 'AsyncProducer_USE_STATIC_LIBS is set, and there is no libasync_producer\.a' \
        -DAsyncProducer_USE_STATIC_LIBS=ON
}

case_optional_components_are_not_demanded() {
    consumer "CONFIG;REQUIRED;COMPONENTS;shared;OPTIONAL_COMPONENTS;turbo" AsyncProducer::shared deliver.c
    expect_equal "the components found" "shared=TRUE turbo=FALSE" "$(cat "$work/consumer/build/components")"
}

"$1"
