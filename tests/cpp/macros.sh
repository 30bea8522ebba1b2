#!/usr/bin/env bash
# Which macros an include of async_producer.hpp defines: only those with a prefix.
#     macros.sh <include directory> <compiler>
set -euo pipefail
include=$1 compiler=$2
found=$(echo '#include <async_producer.hpp>' | "$compiler" "-I$include" -std=c++20 -x c++ -E -dD - |
    awk '$1 == "#" { ours = $3 ~ /async_producer\.h(pp)?"$/ } ours && $1 == "#define" { print $2 }')
grep -q '^AP_VERSION_NUMBER$' <<<"$found" || { echo 'macros.sh: saw no macros at all' >&2; exit 1; }
stray=$(grep -vE '^(AP_|ASYNC_PRODUCER_H$|ASYNC_PRODUCER_HPP$)' <<<"$found" || true)
[ -z "$stray" ] || { printf 'macros without a prefix:\n%s\n' "$stray" >&2; exit 1; }
