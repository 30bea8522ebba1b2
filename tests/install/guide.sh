#!/usr/bin/env bash
# docs/install.md: its programs are programs, its commands are run.
. "$(dirname "$0")/lib.sh"

guide=$AP_ROOT/docs/install.md

code() { sed -nE "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" "$guide"; } # code <language>: all blocks of it

case_the_cmake_project_is_the_one_that_is_tested() {
    expect_equal "project" "$(cat "$tests/ten_lines/CMakeLists.txt")" \
        "$(code cmake | sed '/^include(FetchContent)/,$d')"
}

case_fetch_content_is_the_one_that_is_tested() {
    local fetch='/^include(FetchContent)/,/^FetchContent_MakeAvailable/p' without='s/ SOURCE_DIR [^ ]*//'
    expect_equal "FetchContent" "$(sed -n "$fetch" "$tests/fetched/CMakeLists.txt" | sed "$without")" \
        "$(code cmake | sed -n "$fetch" | sed "$without")"
}

case_every_compiler_command_makes_a_program() {
    local command i
    ln -s "$AP_INSTALLED" "$work/prefix" # The commands are not made for a directory with a space.
    export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig LD_LIBRARY_PATH=$work/prefix/lib
    cd "$work" || exit
    cp "$tests/deliver.c" .
    for i in 1 2 3; do
        command=$(awk -v RS= -v wanted=$i '/^    cc / && ++found == wanted' "$guide")
        printf '%s\n' "$command"
        bash -euo pipefail -c "$command"
        expect_delivered ./deliver
        rm deliver
    done
    expect_equal "commands" 3 "$(grep -c '^    cc ' "$guide")"
}

case_every_variable_is_one() {
    local variable files=("$AP_ROOT"/cmake/*.{txt,cmake}) made="(option|set|find_program)\("
    for variable in $(grep -oE '\bASYNC_PRODUCER_[A-Z_]+' "$guide" | sort -u); do
        grep -qE "$made$variable\b" "${files[@]}" || fail "there is no $variable"
    done
    for variable in $(sed -nE "s/.*$made(ASYNC_PRODUCER_[A-Z_]+).*/\2/p" "${files[@]}"); do
        [ "$variable" = ASYNC_PRODUCER_PERL ] || grep -q "$variable" "$guide" || fail "$variable is not explained"
    done
}

"$1"
