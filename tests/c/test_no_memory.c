/*
 * Memory that ends at the n-th allocation of a call, for each n, once and for ever (row 61). The allocators below take
 * the place of the C library's in the whole process, and fail on the thread and in the calls that ask for it.
 *
 * Calls of the road of a message answer AP_ERR_NO_MEMORY and hold nothing. A configuration, a producer and the first
 * message go through librdkafka and threads of std, which end the process where there is no memory: what is checked of
 * them, in processes of their own, is that they end or answer and do not hang.
 */
#include "check.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- Allocators -------------------------------------------------------------------------------------------------- */

/* glibc's own, under the names it keeps for those who take the others away. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

/* Of this thread: whether allocations may fail, how many still succeed, whether all after those fail, and how many did. */
static _Thread_local bool armed, for_ever;
static _Thread_local long left, failures;

static bool fails(void) {
    if (!armed || left-- > 0 || (failures > 0 && !for_ever)) return false;
    failures++;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    return fails() ? NULL : __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (fails()) return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static ap_producer_t *producer;
static char large[4096];

/* A call with what it answers where there is memory; after it a producer is as before once undo has run. */
typedef struct {
    const char *name;
    int64_t (*call)(void);
    int64_t answer;
} call_t;

static int64_t produce(void) {
    return ap_produce(producer, "greetings", "key", 3, large, sizeof large, 1);
}

static ap_message_t message_with_headers(void) {
    static const ap_header_t headers[] = {{"a", "1", 1}, {"b", NULL, 0}, {"c", "", 0}};
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.value = large, message.value_len = sizeof large;
    message.headers = headers, message.header_count = 3;
    return message;
}

static int64_t produce_message(void) {
    ap_message_t message = message_with_headers();
    return ap_produce_message(producer, &message);
}

static int64_t produce_batch(void) {
    ap_message_t message = message_with_headers();
    return ap_produce_batch(producer, &message, 1);
}

static int64_t produce_arrays(void) {
    static const int32_t key_sizes[] = {3}, value_sizes[] = {sizeof large};
    return ap_produce_arrays(producer, "greetings", "key", 3, key_sizes, large, sizeof large, value_sizes, 1, 1);
}

/* A packed record with one header: topic "t", no key, the value "v", the header "h" of null. */
static int64_t produce_packed(void) {
    static const unsigned char record[] = {
        61, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 't', 0, 'v', 1, 0, 0, 0, 255, 255, 255, 255, 'h', 0};
    return ap_produce_packed(producer, record, sizeof record);
}

static int64_t produce_without_topic(void) {
    return ap_produce(producer, NULL, NULL, 0, NULL, 0, 1);
}

static int64_t produce_to_a_bad_topic(void) {
    return ap_produce(producer, "bad topic", NULL, 0, NULL, 0, 1);
}

static int64_t produce_to_a_bad_partition(void) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings", message.partition = -7;
    return ap_produce_message(producer, &message);
}

static int64_t deliver(void) {
    return ap_deliver(producer);
}

static int64_t deliver_nothing(void) {
    return ap_deliver(NULL);
}

static int64_t wake(void) {
    return ap_wake(producer);
}

static int64_t clear(void) {
    return ap_clear(producer);
}

static int64_t stats(void) {
    ap_stats_t known = AP_STATS_INIT;
    return ap_stats(producer, &known);
}

static int64_t stats_of_no_struct(void) {
    return ap_stats(producer, NULL);
}

static int64_t poll_once(void) {
    return ap_poll(producer, 0, 1);
}

static uint64_t last_id;

static int64_t poll_an_entry(void) {
    ap_event_entry_t entry;
    int64_t count = ap_poll_events(producer, 0, &entry, sizeof entry, 1);
    if (count == 1) last_id = entry.id;
    return count;
}

static int64_t event_text(void) {
    char text[100];
    return ap_event_text(producer, last_id, text, sizeof text) > 0;
}

static int64_t event_message(void) {
    static char record[2 * sizeof large];
    int64_t size = ap_event_message(producer, last_id, record, sizeof record);
    return size > 0 ? 1 : size;
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

/* How many failures there were in the call. */
static long call_with_failure(const call_t *call, long nth, bool always, int64_t *answer) {
    left = nth, failures = 0, for_ever = always;
    armed = true;
    *answer = call->call();
    armed = false;
    return failures;
}

/* Fails the first allocation, then the second ... until the call needs no more. */
static void check_fails_well(const call_t *call, bool always) {
    for (long nth = 0;; nth++) {
        int64_t answer;
        ap_stats_t before = stats_of(producer);
        CHECK_AT_MOST(nth, 1000);
        if (call_with_failure(call, nth, always, &answer) == 0) {
            CHECK_STATUS(answer, call->answer);
            return;
        }
        /* A refusal stays what it is, without the memory for its sentence. */
        CHECK_STATUS(answer, call->answer < 0 ? call->answer : AP_ERR_NO_MEMORY);
        ap_stats_t after = stats_of(producer);
        CHECK_EQ(after.accepted, before.accepted);
        CHECK_AT_MOST(after.pending_bytes, before.pending_bytes); /* reading gives back what was read before */
        CHECK_EQ(after.unread_events, before.unread_events);
    }
}

static void check_calls(const call_t *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_fails_well(&calls[i], false);
        check_fails_well(&calls[i], true);
    }
}

#define CALL(function, answer) {#function, function, (answer)}
#define CHECK_CALLS(calls) check_calls((calls), sizeof(calls) / sizeof(call_t))

static const call_t produce_calls[] = {
    CALL(produce, AP_OK),
    CALL(produce_message, AP_OK),
    CALL(produce_batch, 1),
    CALL(produce_arrays, 1),
    CALL(produce_packed, 1),
};

/* What the road of a message has beside: none of them may need memory in order to refuse. */
static const call_t other_calls[] = {
    CALL(produce_without_topic, AP_ERR_INVALID_ARGUMENT),
    CALL(produce_to_a_bad_topic, AP_ERR_INVALID_ARGUMENT),
    CALL(produce_to_a_bad_partition, AP_ERR_INVALID_ARGUMENT),
    CALL(deliver, AP_OK),
    CALL(deliver_nothing, AP_ERR_INVALID_ARGUMENT),
    CALL(wake, AP_OK),
    CALL(stats, AP_OK),
    CALL(stats_of_no_struct, AP_ERR_INVALID_ARGUMENT),
    CALL(poll_once, AP_ERR_UNSUPPORTED),
};

/* The threads are there already, and something waits. */
static void settle_down(void) {
    produce_tags(producer, 1, 1);
    WAIT_UNTIL(stats_of(producer).buffer_size == 1);
}

static void r61_no_memory_on_the_road_of_a_message(void) {
    producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    settle_down();
    CHECK_CALLS(produce_calls);
    CHECK_CALLS(other_calls);
    CHECK_EQ(stats_of(producer).accepted, 11);
    ap_free(producer);
}

/* Queues too large to take their memory in advance grow with what is in them. */
static void r61_no_memory_for_a_large_queue(void) {
    producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "1000000", NULL);
    settle_down();
    for (int i = 0; i < 200; i++) CHECK_CALLS(produce_calls); /* each time at another place of what it grows by */
    ap_free(producer);
}

static const call_t entries[] = {CALL(poll_an_entry, 1), CALL(event_text, 1), CALL(event_message, 1)};

static void r61_no_memory_for_events(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    producer = producer_with(&recorder, SETTLED | AP_EVENT_ENQUEUED | AP_EVENT_BUFFER_OVERFLOW, NO_BROKER, "event_mode",
                             "poll", "max_queue_size", "9", "max_buffer_size", "3", NULL);
    settle_down();
    CHECK_CALLS(produce_calls);
    (void)produce_until_full(producer);
    const call_t refused[] = {CALL(produce, AP_ERR_BUFFER_OVERFLOW)};
    for (int i = 0; i < 5; i++) CHECK_CALLS(refused);
    CHECK_EQ(ap_clear(producer), 12);
    while (stats_of(producer).unread_events >= 2) CHECK_CALLS(entries); /* each takes one once, and one for ever */
    ap_free(producer);
    recorder_end(&recorder);
}

/* ---- What may end the process ------------------------------------------------------------------------------------ */

enum { ANSWERED = 10, NO_FAILURE = 11 };

static ap_config_t *config;
static ap_config_t *fresh_config;
static ap_producer_t *fresh_producer;
static char path[] = "/tmp/async_producer-no-memory-XXXXXX";

static int64_t config_new(void) {
    fresh_config = ap_config_new();
    return fresh_config == NULL ? AP_ERR_NO_MEMORY : AP_OK;
}

static int64_t config_set_ours(void) {
    return ap_config_set(config, "max_queue_size", "12", NULL, 0);
}

static int64_t config_set_theirs(void) {
    return ap_config_set(config, "client.id", "someone", NULL, 0);
}

static int64_t config_set_wrongly(void) {
    char text[256];
    return ap_config_set(config, "max_queue_size", "none", text, sizeof text);
}

static int64_t config_get(void) {
    char text[256];
    size_t len = sizeof text;
    return ap_config_get(config, "client.id", text, &len);
}

static int64_t config_load(void) {
    char text[256];
    return ap_config_load(config, path, text, sizeof text);
}

static int64_t new_producer(void) {
    return ap_new(config, &fresh_producer, NULL, 0);
}

static int64_t first_message(void) {
    return produce_tag(producer, 1);
}

static int64_t flush(void) {
    return ap_flush(producer, 0);
}

static const call_t heavy_calls[] = {
    CALL(config_new, AP_OK),
    CALL(config_set_ours, AP_OK),
    CALL(config_set_theirs, AP_OK),
    CALL(config_set_wrongly, AP_ERR_CONFIG),
    CALL(config_get, AP_OK),
    CALL(config_load, AP_OK),
    CALL(new_producer, AP_OK),
    CALL(first_message, AP_OK),
    CALL(flush, AP_ERR_TIMED_OUT),
    CALL(clear, 1),
};

/* A life of one call; ends with what became of it. Where it was answered, the same call works a moment later. */
static void call_once(const call_t *call, long nth, bool always) {
    static const struct rlimit no_core = {0, 0};
    int64_t answer;
    watchdog(20);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(1); /* what std and librdkafka say as they end it */
    if (call->call == flush || call->call == clear) settle_down();
    long failed = call_with_failure(call, nth, always, &answer);
    if (failed == 0) _exit(answer == call->answer ? NO_FAILURE : 1);
    if (answer == call->answer) _exit(ANSWERED); /* what failed was not needed */
    _exit(answer < 0 && call->call() == call->answer ? ANSWERED : 1);
}

static int fate_of(const call_t *call, long nth, bool always) {
    int status = -1;
    pid_t pid = fork();
    CHECK_AT_LEAST(pid, 0);
    if (pid == 0) call_once(call, nth, always);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    CHECK_EITHER(WTERMSIG(status), SIGABRT, SIGSEGV); /* Rust's std; librdkafka */
    return -1;
}

/* Each allocation of the first few, then fewer and fewer of them: a client takes thousands. */
static void check_ends_or_answers(const call_t *call, bool always) {
    long answered = 0, ended = 0;
    for (long nth = 0;; nth += 1 + nth / 40) {
        int fate = fate_of(call, nth, always);
        if (fate == NO_FAILURE) break;
        if (fate != -1) CHECK_EQ(fate, ANSWERED);
        answered += fate == ANSWERED, ended += fate == -1;
        CHECK_AT_MOST(nth, 100000);
    }
    printf("  %s: answered %ld, ended %ld\n", call->name, answered, ended);
    fflush(stdout);
}

/* The parent uses no producer: what is inherited is configured and made, and started nowhere. */
static void r61_no_memory_elsewhere_ends_or_answers(void) {
    int file = mkstemp(path);
    static const char text[] = "# a comment\nmax_queue_size=7\nclient.id=another\n";
    CHECK_EQ(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    config = config_with(NO_BROKER, NULL);
    producer = producer_from(config);
    for (size_t i = 0; i < sizeof heavy_calls / sizeof *heavy_calls; i++) {
        check_ends_or_answers(&heavy_calls[i], false);
        check_ends_or_answers(&heavy_calls[i], true);
    }
    unlink(path);
    ap_free(producer);
    ap_config_free(config);
}

int main(void) {
    watchdog(120);
    memset(large, 'x', sizeof large);
    RUN(r61_no_memory_on_the_road_of_a_message);
    RUN(r61_no_memory_for_a_large_queue);
    RUN(r61_no_memory_for_events);
    RUN(r61_no_memory_elsewhere_ends_or_answers);
    return 0;
}
