#!/usr/bin/env bash
# Programs that build the library from its source along with themselves. cargo finds its work done.
. "$(dirname "$0")/lib.sh"

export CARGO_TARGET_DIR
CARGO_TARGET_DIR=$(dirname "$AP_LIBRARY_DIR")

# embed <project> <generator> <target> [variable ...]: the project with a copy of the source tree.
embed() {
    mkdir "$work/source"
    tar -C "$AP_ROOT" -cf - --exclude=./target --exclude=./.git --exclude=node_modules . | tar -C "$work/source" -xf -
    project "$1"
    touch "$work/start"
    configure "$1" -G "$2" -DLINK="$3" -DASYNC_PRODUCER_SOURCE="$work/source" "${@:4}"
    build "$1"
    built=$work/$1/build
}

expect_nothing_to_install() {
    "$CMAKE" --install "$built" --prefix "$work/nowhere" >&2
    [ ! -e "$work/nowhere" ] || fail "it installed $(installed_files "$work/nowhere")"
}

case_fetch_content_with_ninja() {
    embed fetched Ninja AsyncProducer::async_producer
    expect_delivered "$built/deliver"
    expect_match "what it needs" "^$soname\$" "$(needed "$built/deliver")"
    expect_equal "static libraries made for nobody" "" "$(find "$built" -name '*.a')"
    expect_nothing_to_install
}

case_fetch_content_of_the_static_library_with_ninja() {
    embed fetched Ninja AsyncProducer::static
    expect_delivered "$built/deliver"
    expect_static "$built/deliver"
}

case_add_subdirectory_with_make() {
    embed subdirectory "Unix Makefiles" AsyncProducer::async_producer -DASYNC_PRODUCER_INSTALL=OFF
    expect_delivered "$built/deliver"
    expect_nothing_to_install
}

case_add_subdirectory_of_the_static_library_with_make() {
    embed subdirectory "Unix Makefiles" AsyncProducer::cxx -DAsyncProducer_USE_STATIC_LIBS=ON
    expect_delivered "$built/deliver"
    expect_static "$built/deliver"
}

case_it_is_installed_with_the_program_where_that_is_wanted() {
    embed subdirectory Ninja AsyncProducer::shared -DASYNC_PRODUCER_INSTALL=ON
    "$CMAKE" --install "$built" --prefix "$work/with it" >&2
    expect_match "what was installed" "^lib.*/$soname\$" "$(installed_files "$work/with it")"
}

case_nothing_is_built_a_second_time() {
    local file
    embed fetched Ninja AsyncProducer::static
    file=$(find "$built" -name libasync_producer.a)
    touch "$work/now"
    build fetched
    [ "$work/now" -nt "$file" ] || fail "$file was made again"
    [ "$work/now" -nt "$built/deliver" ] || fail "the program was linked again"
}

case_the_source_tree_is_not_written_to() {
    embed fetched Ninja AsyncProducer::static
    expect_equal "what was written to it" "" "$(find "$work/source" -newer "$work/start")"
}

case_cargo_finds_its_work_done() {
    local said
    embed fetched Ninja AsyncProducer::shared
    said=$("$CMAKE" --build "$built" 2>&1)
    expect_match "cargo" '^ *Finished' "$said"
    ! grep -E '^ *Compiling' <<<"$said" || fail "cargo compiled something again"
}

"$1"
