#!/usr/bin/env bash
# Runs one example and looks at what it did: check.sh <program> <case>. ctest calls it for each of both.
set -euo pipefail
set -m # job control: without it a shell starts its background jobs deaf to SIGINT

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'check.sh: %s\n' "$*" >&2
    for file in "$work"/out "$work"/err; do
        [ -f "$file" ] && { printf -- '--- %s\n' "${file##*/}"; head -c 4000 "$file"; } >&2
    done
    exit 1
}

run() { # run [argument ...]: leaves its exit code in $code, its output in $work/out and err
    code=0
    "$program" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
}

expect_code() { [ "$code" = "$1" ] || fail "exit code $code, wanted $1"; }
summary() { sed -nE "s/.* ([0-9]+) $1(,.*)?$/\1/p" "$work/err" | tail -n 1; } # the number before a word

# Each order once, with its place.
expect_orders() {
    [ "$(summary accepted) $(summary delivered)" = "$1 $1" ] || fail "not $1 accepted and delivered"
    sed -nE 's/^order ([0-9]+): partition [0-9]+, offset [0-9]+$/\1/p' "$work/out" | sort -n >"$work/orders"
    cmp <(seq "$1") "$work/orders" >&2 || fail "not every order was reported once"
}

# Far more than there is room for: it waits, and loses none.
case_all_are_delivered() {
    run 2000
    expect_code 0
    expect_orders 2000
    [ "$(summary overflows)" -gt 0 ] || fail "the queue was never full"
}

case_one() {
    run 1
    expect_code 0
    expect_orders 1
}

case_bad_usage() {
    run many
    expect_code 2
    run 1 ''
    expect_code 2
    grep -q bootstrap.servers "$work/err" || fail "the property is not named"
}

# Ctrl-C in the middle: what was accepted is delivered.
case_interrupt() {
    mkfifo "$work/pipe"
    "$program" 0 >"$work/pipe" 2>"$work/err" </dev/null &
    local pid=$! line
    exec 3<"$work/pipe"
    for _ in $(seq 100); do
        read -r line <&3 || fail "it ended before the signal"
        printf '%s\n' "$line" >>"$work/out"
    done
    kill -INT "$pid"
    cat <&3 >>"$work/out"
    code=0
    wait "$pid" || code=$?
    expect_code 130
    [ "$(summary accepted)" -ge 100 ] || fail "fewer accepted than reported"
    expect_orders "$(summary accepted)"
}

# A Kafka that is away: the first signal does not give up, the second one does.
case_second_interrupt() {
    mkfifo "$work/pipe"
    "$program" 0 127.0.0.1:1 >"$work/out" 2>"$work/pipe" </dev/null &
    local pid=$! line
    exec 3<"$work/pipe"
    until grep -q '^SigBlk:.*4002$' "/proc/$pid/status"; do read -r -t 0.01 line <&3 || true; done # it minds SIGINT
    kill -INT "$pid"
    read -r line <&3 || fail "it ended at the first signal"
    printf '%s\n' "$line" >>"$work/err"
    [[ $line == *'once more'* ]] || fail "it does not say what a second signal does"
    kill -INT "$pid"
    cat <&3 >>"$work/err"
    code=0
    wait "$pid" || code=$?
    expect_code 1
    [ "$(summary delivered)" = 0 ] || fail "delivered to nowhere"
    [ "$(grep -c 'not in Kafka' "$work/out")" = "$(summary accepted)" ] || fail "not every order was reported"
}

"case_$2"
