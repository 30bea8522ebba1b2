#!/usr/bin/env bash
# The code of docs/cpp.md compiles, and its program runs on a mock cluster.
#     docs.sh <document> <include directory> <library>
set -euo pipefail
document=$1 include=$2 library=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile=(g++ -std=c++20 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "-I$include" -pthread)

awk -v work="$work" '
    /^```cpp$/ { file = sprintf("%s/block_%02d", work, ++count); next }
    /^```$/ { file = "" }
    file { print >file }' "$document"

# Programs have includes, coroutines are functions, the rest are statements of one.
prelude='#include <async_producer.hpp>
#include <coroutine>
#include <iostream>
namespace ap = async_producer;
using namespace std::chrono_literals;
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
};
struct Loop { void post(std::function<void()> function); };'
arguments='[[maybe_unused]] ap::Config config, [[maybe_unused]] ap::Producer producer, [[maybe_unused]] Loop loop'
programs=0 fragments=0
printf '%s\n' "$prelude" >"$work/fragments.cpp"
for block in "$work"/block_*; do
    if grep -q '^#include' "$block"; then
        sed 's/"bootstrap.servers", "localhost:9092"/"test.mock.num.brokers", "1"/' "$block" >"$block.cpp"
        "${compile[@]}" "$block.cpp" "$library" "-Wl,-rpath,${library%/*}" -o "$block.program"
        [ "$("$block.program")" = delivered ]
        programs=$((programs + 1))
    else
        fragments=$((fragments + 1))
        printf 'namespace fragment%s {\n' "$fragments"
        grep -q co_await "$block" || echo "void statements($arguments) {"
        cat "$block"
        grep -q co_await "$block" || echo '}'
        echo '}'
    fi >>"$work/fragments.cpp"
done
"${compile[@]}" -Wno-shadow -Wno-unused -fsyntax-only "$work/fragments.cpp"
printf '%s programs, %s fragments\n' "$programs" "$fragments"
[ "$programs" -ge 1 ] && [ "$fragments" -ge 9 ]
