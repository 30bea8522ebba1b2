#!/usr/bin/env bash
# async_producer.hpp in one standard of one compiler, with every warning an error: alone, in two translation units of a
# program that runs, and as tests use it.
#     header.sh <include directory> <library> <compiler> <standard>
set -euo pipefail
include=$1 library=$2 compiler=$3 standard=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile=("$compiler" "-std=$standard" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "-I$include" -pthread)

echo '#include <async_producer.hpp>' >"$work/alone.cpp"
"${compile[@]}" -fsyntax-only -fno-exceptions -fno-rtti "$work/alone.cpp"
"${compile[@]}" "$here/units.cpp" "$here/units_other.cpp" "$library" "-Wl,-rpath,${library%/*}" -o "$work/units"
"$work/units"

# Inline functions are checked above; these make something of the templates.
"${compile[@]}" -fsyntax-only "$here/test_types.cpp"
"${compile[@]}" -fsyntax-only "$here/test_message.cpp"
