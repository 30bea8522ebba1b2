#!/usr/bin/env bash
# Runs one example and looks at what it did: check.sh <directory of the programs> <case>. ctest calls it for each case.
# AP_RUN goes before each program (valgrind), AP_MANY_LINES says how many lines many are, AP_CC is the compiler and
# AP_INCLUDE_DIR the place of the header.
set -euo pipefail
set -m # job control: without it a shell starts its background jobs deaf to SIGINT

bin=$1
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf 'check.sh: %s\n' "$*" >&2
    for file in "$work"/*.out "$work"/*.err; do
        [ -f "$file" ] && { printf -- '--- %s\n' "${file##*/}"; head -c 4000 "$file"; } >&2
    done
    exit 1
}

run() { # run <program> [argument ...]: leaves its exit code in $code, its output in $work/run.out and run.err
    local program=$1
    shift
    code=0
    ${AP_RUN:-} "$bin/$program" "$@" >"$work/run.out" 2>"$work/run.err" || code=$?
}

expect_code() { [ "$code" = "$1" ] || fail "exit code $code, wanted $1"; }
expect() { grep -qE -- "$2" "$work/run.$1" || fail "no '$2' in its $1"; }
expect_count() { [ "$(wc -l <"$work/run.out")" = "$1" ] || fail "not $1 lines of output"; }
summary() { sed -nE "s/.* ([0-9]+) $1[ ,].*/\1/p" "$work/run.err" | tail -n 1; } # the number beside a word
same() { cmp "$1" "$2" >&2 || fail "$1 and $2 differ"; }

case_hello() {
    run hello </dev/null
    expect_code 0
    expect out '^hello: delivered$'
}

# The program in the README is one, and it runs on the mock cluster with the change that the README names.
case_readme() {
    awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$data/../../README.md" |
        sed 's/"bootstrap.servers", "localhost:9092"/"test.mock.num.brokers", "1"/' >"$work/readme.c"
    grep -q test.mock "$work/readme.c" || fail "no program in the README"
    "$AP_CC" -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$AP_INCLUDE_DIR" "$work/readme.c" \
        "$bin/lib/libasync_producer.so.0" -Wl,-rpath,"$bin/lib" -o "$work/readme"
    bin=$work run readme </dev/null
    expect_code 0
    expect err '^Done\.'
}

case_events() {
    run events </dev/null
    expect_code 0
    for type in ENQUEUED BUFFER_OVERFLOW DELIVERY_STARTED DELIVERY_FINISHED DELIVERED FAILED DROPPED STALLED ERROR \
        LOG STATS; do
        expect out "^$type +[^ ]"
    done
    expect out '^FAILED .*partition that does not exist.* not in Kafka'
    expect out '^DROPPED .*second thoughts'
    expect out '^DROPPED .*is anybody there'
    expect out '^ap_shutdown: AP_ERR_UNDELIVERED$'
}

case_poll_loop() {
    run poll_loop </dev/null
    expect_code 0
    expect out '^10 sent, 10 settled$'
    [ "$(grep -cE '^tick [0-9] delivered at offset [0-9]+$' "$work/run.out")" = 10 ] || fail "not ten deliveries"
}

case_backpressure() {
    run backpressure </dev/null
    expect_code 0
    expect out '^drop +2000 messages: ([0-9]+) accepted, [1-9][0-9]* overflows, \1 delivered$'
    expect out '^wait +2000 messages: 2000 accepted, 0 overflows, 2000 delivered$'
    expect out '^retry +2000 messages: 2000 accepted, [1-9][0-9]* overflows, 2000 delivered$'
}

case_help() {
    run produce_stdin -h </dev/null
    expect_code 0
    expect out '^usage: produce_stdin'
}

# Every line arrives, and lines of one key in their order: what -v prints, sorted by key alone, is the file so sorted.
case_file() {
    run produce_stdin -v -t orders -k '|' "$data/orders.txt" </dev/null
    expect_code 0
    expect err 'using the mock cluster'
    sed -E 's/^orders \[[0-9]+\] at [0-9]+: ([^ ]*) = /\1|/' "$work/run.out" |
        LC_ALL=C cut -b 1-40 | LC_ALL=C sort -s -t '|' -k 1,1 >"$work/delivered"
    LC_ALL=C cut -b 1-40 "$data/orders.txt" | LC_ALL=C sort -s -t '|' -k 1,1 >"$work/wanted"
    same "$work/wanted" "$work/delivered"
    lines=$(wc -l <"$data/orders.txt")
    [ "$(summary accepted) $(summary delivered)" = "$lines $lines" ] || fail "the summary is wrong"
}

case_files_and_stdin() {
    printf 'first\n' >"$work/a"
    printf 'third\n' >"$work/b"
    run produce_stdin -v -t files -p 0 "$work/a" - "$work/b" <<<second
    expect_code 0
    printf 'files [0] at %s\n' '0: first' '1: second' '2: third' >"$work/wanted"
    same "$work/wanted" "$work/run.out"
}

# An empty line, an empty key, no key, a NUL byte, and a last line without a newline.
case_stdin() {
    run produce_stdin -v -t plain -p 1 -k ':=' < <(printf 'one\n\n:=empty key\nkey:=a:=b\nx\0y\nkey:=\nlast')
    expect_code 0
    printf 'plain [1] at %s\n' '0: one' '1: ' '2:  = empty key' '3: key = a:=b' '4: x.y' '5: key = ' '6: last' \
        >"$work/wanted"
    same "$work/wanted" "$work/run.out"
}

case_empty_input() {
    run produce_stdin -t nothing </dev/null
    expect_code 0
    [ "$(summary accepted)" = 0 ] || fail "accepted something"
}

case_quiet() {
    run produce_stdin -q -t quiet <<<hush
    expect_code 0
    [ ! -s "$work/run.out" ] && [ ! -s "$work/run.err" ] || fail "it said something"
}

case_many_lines() {
    run produce_stdin -t many -z lz4 < <(seq "$AP_MANY_LINES")
    expect_code 0
    [ "$(summary accepted) $(summary delivered)" = "$AP_MANY_LINES $AP_MANY_LINES" ] || fail "lines are missing"
    cat "$work/run.err"
}

case_a_long_line() {
    run produce_stdin -t long < <(head -c 900000 /dev/zero | tr '\0' x)
    expect_code 0
    [ "$(summary delivered)" = 1 ] || fail "it was not delivered"
}

# The line that is too large is refused and named, its neighbours go through.
case_too_long_a_line() {
    run produce_stdin -v -t long -p 0 < <(echo before && head -c 2000000 /dev/zero | tr '\0' x && echo && echo after)
    expect_code 1
    expect err 'line 2 refused: 2000000 bytes'
    printf 'long [0] at %s\n' '0: before' '1: after' >"$work/wanted"
    same "$work/wanted" "$work/run.out"
}

# Far more lines than the limits have room for: it waits, and loses none.
case_back_pressure() {
    run produce_stdin -t narrow -X max_queue_size=10 -X max_buffer_size=10 -X test.mock.num.brokers=1 \
        -X test.mock.broker.rtt=2 < <(seq 2000)
    expect_code 0
    [ "$(summary accepted) $(summary delivered)" = '2000 2000' ] || fail "lines are missing"
}

case_config_file() {
    printf '# for this test\n\nlinger.ms = 3\ncompression.codec=zstd\n' >"$work/config"
    run produce_stdin -F "$work/config" -t configured <<<hello
    expect_code 0
    printf 'linger.ms=3\nno.such.key=1\n' >"$work/config"
    run produce_stdin -F "$work/config" -t configured <<<hello
    expect_code 2
    expect err 'no\.such\.key'
    run produce_stdin -F "$work/none" -t configured <<<hello
    expect_code 2
}

case_bad_usage() {
    for arguments in '' '-t' '-t topic -y' '-t topic -p -1' '-t topic -p one' '-t topic -X acks' '-t topic /no/file'; do
        # shellcheck disable=SC2086 # the arguments are words
        run produce_stdin $arguments </dev/null
        expect_code 2
        [ -s "$work/run.err" ] || fail "'$arguments' was not explained"
    done
    run produce_stdin -t topic -k '' </dev/null
    expect_code 2
    run produce_stdin -t 'no such/topic' <<<hello
    expect_code 2
    expect err 'no such/topic'
}

case_unknown_property() {
    run produce_stdin -t topic -X no.such.key=1 <<<hello
    expect_code 2
    expect err 'no\.such\.key'
    run produce_stdin -t topic -X max_queue_size=none <<<hello
    expect_code 2
    expect err 'max_queue_size'
}

# A partition that does not exist: the lines fail, each is named, and the exit code says so.
case_undelivered() {
    run produce_stdin -t topic -p 4711 < <(seq 3)
    expect_code 1
    expect err 'line 2 not delivered'
    [ "$(summary failed)" = 3 ] || fail "three failures were to be counted"
}

# Ctrl-C in the middle of the input. The writer goes on, so that only the signal can end the program; what was
# accepted is delivered, and is the beginning of the input.
case_interrupt() {
    mkfifo "$work/in" "$work/out"
    ${AP_RUN:-} "$bin/produce_stdin" -v -t cut -p 0 -X delivery_threshold=100 -X delivery_interval=0 \
        <"$work/in" >"$work/out" 2>"$work/run.err" &
    local program=$!
    exec 3>"$work/in" 4<"$work/out"
    seq 150 >&3
    for _ in $(seq 100); do
        read -r line <&4 || fail "it ended before the signal"
        printf '%s\n' "$line" >>"$work/run.out"
    done
    kill -INT "$program"
    cat <&4 >>"$work/run.out"
    code=0
    wait "$program" || code=$?
    expect_code 130
    local accepted
    accepted=$(summary accepted)
    [ "$accepted" -ge 100 ] && [ "$accepted" = "$(summary delivered)" ] || fail "accepted lines were not delivered"
    seq "$accepted" | awk '{ print "cut [0] at " NR - 1 ": " $0 }' >"$work/wanted"
    same "$work/wanted" "$work/run.out"
}

# A Kafka that is away: the first signal does not give up, the second one does.
case_second_interrupt() {
    mkfifo "$work/in" "$work/err"
    ${AP_RUN:-} "$bin/produce_stdin" -t gone -b 127.0.0.1:1 <"$work/in" 2>"$work/err" &
    local program=$!
    exec 3>"$work/in" 4<"$work/err"
    seq 50 >&3
    await() { # the next line of its standard error that has the word
        while read -r line <&4; do
            printf '%s\n' "$line" >>"$work/run.err"
            [[ $line != *"$1"* ]] || return 0
        done
        fail "it ended without '$1'"
    }
    await produce_stdin # an error of the client: it runs, and the signals are caught
    kill -INT "$program"
    await 'once more'
    kill -INT "$program"
    cat <&4 >>"$work/run.err"
    code=0
    wait "$program" || code=$?
    expect_code 1
    [ "$(summary accepted)" = "$(summary dropped)" ] || fail "not all was dropped and counted"
}

"case_$2"
