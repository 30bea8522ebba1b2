/*
 * What the tests share: checks that say where they failed, a watchdog, producers from key/value pairs, and a recorder of
 * events. Each test is a program: it ends with 0, or prints what is wrong and ends with 1.
 *
 * Include it first. Everything is static inline, so that a test takes what it needs.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <async_producer.h>

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* What a program answers that cannot run here (ctest's SKIP_RETURN_CODE). */
#define SKIPPED 77

/* Two places to go: one where nothing listens, and librdkafka's own imitation of a cluster. */
#define NO_BROKER "bootstrap.servers", "127.0.0.1:1"
#define MOCK "test.mock.num.brokers", "1"

/* The events that settle a message. */
#define SETTLED (AP_EVENT_DELIVERED | AP_EVENT_FAILED | AP_EVENT_DROPPED)

/* How long to wait for what must happen; only a failing test ever waits so long. */
#define PATIENCE_MS 30000

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

#define CHECK(condition) \
    do { \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition, "is false"); \
    } while (0)

#define CHECK_EQ(actual, expected) \
    check_equal(__FILE__, __LINE__, #actual " == " #expected, (int64_t)(actual), (int64_t)(expected))

#define CHECK_AT_MOST(actual, limit) \
    check_at_most(__FILE__, __LINE__, #actual " <= " #limit, (int64_t)(actual), (int64_t)(limit))

#define CHECK_AT_LEAST(actual, limit) \
    check_at_most(__FILE__, __LINE__, #limit " <= " #actual, (int64_t)(limit), (int64_t)(actual))

#define CHECK_STATUS(actual, expected) \
    check_status(__FILE__, __LINE__, #actual " == " #expected, (int64_t)(actual), (int64_t)(expected))

/* Where two answers are true at once. */
#define CHECK_EITHER(actual, one, other) \
    check_either(__FILE__, __LINE__, #actual " == " #one " or " #other, (int64_t)(actual), (one), (other))

#define CHECK_TEXT(actual, expected) check_text(__FILE__, __LINE__, #actual " == " #expected, (actual), (expected))

#define CHECK_HAS(text, part) check_has(__FILE__, __LINE__, #text " has " #part, (text), (part))

#define CHECK_BYTES(actual, actual_len, expected, expected_len) \
    check_bytes(__FILE__, __LINE__, #actual " is " #expected, (actual), (actual_len), (expected), (expected_len))

/* Waits until the condition holds; looks often, and gives up after PATIENCE_MS. */
#define WAIT_UNTIL(condition) \
    do { \
        int64_t wait_end_ = now_ms() + scaled(PATIENCE_MS); \
        while (!(condition)) { \
            if (now_ms() > wait_end_) check_failed(__FILE__, __LINE__, #condition, "never came true"); \
            nap(1); \
        } \
    } while (0)

/* Runs one test function and names it first, so that a log shows how far a program came. */
#define RUN(test) \
    do { \
        if (check_wants(#test)) test(); \
    } while (0)

/* Whether to run a test function: all, or the one that AP_TEST_ONLY names. */
static inline bool check_wants(const char *name) {
    const char *only = getenv("AP_TEST_ONLY");
    if (only != NULL && strcmp(only, name) != 0) return false;
    printf("%s\n", name);
    fflush(stdout);
    return true;
}

/* Ends the process at once, whatever its threads are doing. */
__attribute__((format(printf, 4, 5), noreturn)) static inline void check_failed(const char *file, int line,
                                                                                const char *expression,
                                                                                const char *why, ...) {
    va_list values;
    fprintf(stderr, "%s:%d: %s: ", file, line, expression);
    va_start(values, why);
    vfprintf(stderr, why, values);
    va_end(values);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(1);
}

static inline void check_equal(const char *file, int line, const char *expression, int64_t actual, int64_t expected) {
    if (actual == expected) return;
    check_failed(file, line, expression, "got %" PRId64 ", want %" PRId64, actual, expected);
}

static inline void check_at_most(const char *file, int line, const char *expression, int64_t small, int64_t large) {
    if (small <= large) return;
    check_failed(file, line, expression, "%" PRId64 " is more than %" PRId64, small, large);
}

static inline void check_status(const char *file, int line, const char *expression, int64_t actual, int64_t expected) {
    if (actual == expected) return;
    check_failed(file, line, expression, "got %" PRId64 " (%s), want %" PRId64 " (%s)", actual,
                 ap_status_name((int32_t)actual), expected, ap_status_name((int32_t)expected));
}

static inline void check_either(const char *file, int line, const char *expression, int64_t actual, int64_t one,
                                int64_t other) {
    if (actual == one || actual == other) return;
    check_failed(file, line, expression, "got %" PRId64 " (%s)", actual, ap_status_name((int32_t)actual));
}

static inline void check_text(const char *file, int line, const char *expression, const char *actual,
                              const char *expected) {
    if (actual != NULL && strcmp(actual, expected) == 0) return;
    check_failed(file, line, expression, "got \"%s\", want \"%s\"", actual == NULL ? "(NULL)" : actual, expected);
}

static inline void check_has(const char *file, int line, const char *expression, const char *text, const char *part) {
    if (text != NULL && strstr(text, part) != NULL) return;
    check_failed(file, line, expression, "\"%s\" is not in \"%s\"", part, text == NULL ? "(NULL)" : text);
}

/* NULL with 0 and non-NULL with 0 are different: Kafka's null and empty. */
static inline void check_bytes(const char *file, int line, const char *expression, const void *actual,
                               size_t actual_len, const void *expected, size_t expected_len) {
    if ((actual == NULL) != (expected == NULL)) {
        check_failed(file, line, expression, actual == NULL ? "got NULL" : "want NULL");
    }
    check_equal(file, line, expression, (int64_t)actual_len, (int64_t)expected_len);
    if (actual != NULL && expected != NULL && memcmp(actual, expected, actual_len) != 0) {
        check_failed(file, line, expression, "the bytes differ");
    }
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How much slower this run is than a plain one: valgrind and sanitizers set AP_TEST_SLOWNESS. */
static inline int64_t slowness(void) {
    const char *value = getenv("AP_TEST_SLOWNESS");
    int64_t factor = value == NULL ? 1 : atoll(value);
    return factor < 1 ? 1 : factor;
}

static inline int64_t scaled(int64_t ms) {
    return ms * slowness();
}

static inline void nap(int ms) {
    (void)poll(NULL, 0, ms);
}

static inline void watchdog_bites(int signal) {
    static const char text[] = "watchdog: the test hangs\n";
    (void)signal;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(124);
}

/* Ends the process when it takes too long; a forked child has to set its own. */
static inline void watchdog(unsigned seconds) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = watchdog_bites;
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds * (unsigned)slowness());
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static inline pthread_t start(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

static inline void *join(pthread_t thread) {
    void *result;
    CHECK_EQ(pthread_join(thread, &result), 0);
    return result;
}

/* ---- Recorder ---------------------------------------------------------------------------------------------------- */

/* A copy of an event, with all it points to, and the thread it came on. */
typedef struct {
    ap_event_t event;
    pthread_t thread;
} record_t;

/* Keeps every event. While it is held, the hook blocks, as a slow program's would. */
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    record_t **records;
    size_t count;
    size_t capacity;
    bool held;
    bool inside; /* the hook runs now */
    int frees;   /* calls of user_data_free */
} recorder_t;

static inline void recorder_start(recorder_t *recorder) {
    pthread_condattr_t attributes;
    memset(recorder, 0, sizeof *recorder);
    CHECK_EQ(pthread_mutex_init(&recorder->mutex, NULL), 0);
    CHECK_EQ(pthread_condattr_init(&attributes), 0);
    CHECK_EQ(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), 0);
    CHECK_EQ(pthread_cond_init(&recorder->changed, &attributes), 0);
    pthread_condattr_destroy(&attributes);
}

static inline void *copy_bytes(const void *bytes, size_t len) {
    char *copy;
    if (bytes == NULL) return NULL;
    copy = malloc(len + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes, len);
    copy[len] = 0;
    return copy;
}

static inline const char *copy_string(const char *string) {
    return string == NULL ? NULL : copy_bytes(string, strlen(string));
}

static inline ap_header_t *copy_headers(const ap_header_t *headers, size_t count) {
    ap_header_t *copy;
    if (headers == NULL) return NULL;
    copy = calloc(count + 1, sizeof *copy);
    CHECK(copy != NULL);
    for (size_t i = 0; i < count; i++) {
        copy[i].name = copy_string(headers[i].name);
        copy[i].value = copy_bytes(headers[i].value, headers[i].value_len);
        copy[i].value_len = headers[i].value_len;
    }
    return copy;
}

static inline record_t *record_copy(const ap_event_t *event) {
    record_t *record = malloc(sizeof *record);
    CHECK(record != NULL);
    record->event = *event;
    record->event.topic = copy_string(event->topic);
    record->event.text = copy_string(event->text);
    record->event.key = copy_bytes(event->key, event->key_len);
    record->event.value = copy_bytes(event->value, event->value_len);
    record->event.headers = copy_headers(event->headers, event->header_count);
    record->thread = pthread_self();
    return record;
}

static inline void record_free(record_t *record) {
    ap_event_t *event = &record->event;
    for (size_t i = 0; event->headers != NULL && i < event->header_count; i++) {
        free((void *)event->headers[i].name);
        free((void *)event->headers[i].value);
    }
    free((void *)event->headers);
    free((void *)event->topic);
    free((void *)event->text);
    free((void *)event->key);
    free((void *)event->value);
    free(record);
}

static inline void recorder_clear(recorder_t *recorder) {
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->count; i++) record_free(recorder->records[i]);
    recorder->count = 0;
    pthread_mutex_unlock(&recorder->mutex);
}

static inline void recorder_end(recorder_t *recorder) {
    recorder_clear(recorder);
    free(recorder->records);
    pthread_cond_destroy(&recorder->changed);
    pthread_mutex_destroy(&recorder->mutex);
}

/* With the mutex held. */
static inline void recorder_grow(recorder_t *recorder) {
    if (recorder->count < recorder->capacity) return;
    recorder->capacity = recorder->capacity == 0 ? 64 : 2 * recorder->capacity;
    recorder->records = realloc(recorder->records, recorder->capacity * sizeof *recorder->records);
    CHECK(recorder->records != NULL);
}

/* What holds for every event, whatever its type. */
static inline void check_event(const ap_event_t *event) {
    CHECK_AT_LEAST(event->struct_size, sizeof(ap_event_t));
    CHECK(event->type != 0 && (event->type & (event->type - 1)) == 0);
    CHECK_EQ(event->type & ~(uint32_t)AP_EVENT_ALL, 0);
    CHECK(event->text != NULL);
    CHECK(strchr(event->text, '\n') == NULL);
    CHECK((event->headers == NULL) == (event->header_count == 0));
    CHECK(event->key != NULL || event->key_len == 0);
    CHECK(event->value != NULL || event->value_len == 0);
}

/* The hook; user_data is the recorder of one producer. */
static inline void record_event(const ap_event_t *event, void *user_data) {
    recorder_t *recorder = user_data;
    check_event(event);
    pthread_mutex_lock(&recorder->mutex);
    CHECK(!recorder->inside); /* never twice at a time */
    recorder->inside = true;
    recorder_grow(recorder);
    recorder->records[recorder->count++] = record_copy(event);
    pthread_cond_broadcast(&recorder->changed);
    while (recorder->held) pthread_cond_wait(&recorder->changed, &recorder->mutex);
    recorder->inside = false;
    pthread_mutex_unlock(&recorder->mutex);
}

/* The user_data_free that goes with record_event(). */
static inline void record_free_call(void *user_data) {
    recorder_t *recorder = user_data;
    pthread_mutex_lock(&recorder->mutex);
    recorder->frees++;
    pthread_mutex_unlock(&recorder->mutex);
}

static inline int recorder_frees(recorder_t *recorder) {
    pthread_mutex_lock(&recorder->mutex);
    int frees = recorder->frees;
    pthread_mutex_unlock(&recorder->mutex);
    return frees;
}

static inline void recorder_hold(recorder_t *recorder, bool held) {
    pthread_mutex_lock(&recorder->mutex);
    recorder->held = held;
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->mutex);
}

static inline bool recorder_inside(recorder_t *recorder) {
    pthread_mutex_lock(&recorder->mutex);
    bool inside = recorder->inside;
    pthread_mutex_unlock(&recorder->mutex);
    return inside;
}

/* With the mutex held: how many events of these types there are. */
static inline size_t recorder_count_locked(const recorder_t *recorder, uint32_t types) {
    size_t count = 0;
    for (size_t i = 0; i < recorder->count; i++) count += (recorder->records[i]->event.type & types) != 0;
    return count;
}

static inline size_t recorder_count(recorder_t *recorder, uint32_t types) {
    pthread_mutex_lock(&recorder->mutex);
    size_t count = recorder_count_locked(recorder, types);
    pthread_mutex_unlock(&recorder->mutex);
    return count;
}

/* How many occurrences events of a type speak of; coalesced ones speak of many. */
static inline uint64_t recorder_sum(recorder_t *recorder, uint32_t type) {
    uint64_t sum = 0;
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->count; i++) {
        const ap_event_t *event = &recorder->records[i]->event;
        if (event->type == type) sum += event->message_count;
    }
    pthread_mutex_unlock(&recorder->mutex);
    return sum;
}

/* The index-th event of these types; it stays as it is until recorder_clear(). */
static inline const record_t *recorder_record(recorder_t *recorder, uint32_t types, size_t index) {
    const record_t *found = NULL;
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->count && found == NULL; i++) {
        if ((recorder->records[i]->event.type & types) != 0 && index-- == 0) found = recorder->records[i];
    }
    pthread_mutex_unlock(&recorder->mutex);
    CHECK(found != NULL);
    return found;
}

static inline const ap_event_t *recorder_get(recorder_t *recorder, uint32_t types, size_t index) {
    return &recorder_record(recorder, types, index)->event;
}

/* How many events of these types a tag has. */
static inline size_t recorder_tagged(recorder_t *recorder, uint32_t types, uint64_t tag) {
    size_t count = 0;
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->count; i++) {
        const ap_event_t *event = &recorder->records[i]->event;
        count += (event->type & types) != 0 && event->tag == tag;
    }
    pthread_mutex_unlock(&recorder->mutex);
    return count;
}

/* The only event of these types with this tag. */
static inline const ap_event_t *recorder_find(recorder_t *recorder, uint32_t types, uint64_t tag) {
    const ap_event_t *found = NULL;
    CHECK_EQ(recorder_tagged(recorder, types, tag), 1);
    pthread_mutex_lock(&recorder->mutex);
    for (size_t i = 0; i < recorder->count && found == NULL; i++) {
        const ap_event_t *event = &recorder->records[i]->event;
        if ((event->type & types) != 0 && event->tag == tag) found = event;
    }
    pthread_mutex_unlock(&recorder->mutex);
    return found;
}

static inline struct timespec deadline_in(int64_t ms) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += ms / 1000;
    deadline.tv_nsec += (ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

/* Waits for at least count events of these types. */
static inline void recorder_wait_at(const char *file, int line, recorder_t *recorder, uint32_t types, size_t count) {
    struct timespec deadline = deadline_in(scaled(PATIENCE_MS));
    size_t have;
    int waited = 0;
    pthread_mutex_lock(&recorder->mutex);
    while ((have = recorder_count_locked(recorder, types)) < count && waited == 0) {
        waited = pthread_cond_timedwait(&recorder->changed, &recorder->mutex, &deadline);
    }
    pthread_mutex_unlock(&recorder->mutex);
    if (have >= count) return;
    check_failed(file, line, "recorder_wait", "%zu of %zu events of types 0x%x came", have, count, (unsigned)types);
}

#define recorder_wait(recorder, types, count) recorder_wait_at(__FILE__, __LINE__, (recorder), (types), (count))

/* ---- Producers --------------------------------------------------------------------------------------------------- */

static inline void config_set(ap_config_t *config, const char *key, const char *value) {
    char text[512];
    ap_status_t status = ap_config_set(config, key, value, text, sizeof text);
    if (status != AP_OK) fprintf(stderr, "%s=%s: %s\n", key, value, text);
    CHECK_STATUS(status, AP_OK);
}

static inline void config_set_all(ap_config_t *config, va_list pairs) {
    const char *key;
    while ((key = va_arg(pairs, const char *)) != NULL) config_set(config, key, va_arg(pairs, const char *));
}

/* A configuration from key/value pairs, ended with NULL. */
__attribute__((sentinel)) static inline ap_config_t *config_with(const char *key, ...) {
    ap_config_t *config = ap_config_new();
    va_list pairs;
    CHECK(config != NULL);
    va_start(pairs, key);
    config_set(config, key, va_arg(pairs, const char *));
    config_set_all(config, pairs);
    va_end(pairs);
    return config;
}

static inline ap_producer_t *producer_from(const ap_config_t *config) {
    char text[512];
    ap_producer_t *producer = NULL;
    ap_status_t status = ap_new(config, &producer, text, sizeof text);
    if (status != AP_OK) fprintf(stderr, "ap_new: %s\n", text);
    CHECK_STATUS(status, AP_OK);
    CHECK(producer != NULL);
    return producer;
}

/* A producer from key/value pairs, ended with NULL; its events of the mask go to hook(user_data). */
__attribute__((sentinel)) static inline ap_producer_t *producer_calling(ap_event_fn hook, void *user_data,
                                                                        uint32_t mask, ...) {
    ap_config_t *config = ap_config_new();
    ap_producer_t *producer;
    va_list pairs;
    CHECK(config != NULL);
    va_start(pairs, mask);
    config_set_all(config, pairs);
    va_end(pairs);
    CHECK_STATUS(ap_config_set_event_callback(config, mask, hook, user_data, NULL), AP_OK);
    producer = producer_from(config);
    ap_config_free(config);
    return producer;
}

/* The same with a recorder. */
#define producer_with(recorder, mask, ...) producer_calling(record_event, (recorder), (mask), __VA_ARGS__)

static inline ap_stats_t stats_of(const ap_producer_t *producer) {
    ap_stats_t stats = AP_STATS_INIT;
    CHECK_STATUS(ap_stats(producer, &stats), AP_OK);
    return stats;
}

/* A message of little content, known by its tag. */
static inline ap_status_t produce_tag(ap_producer_t *producer, uint64_t tag) {
    return ap_produce(producer, "greetings", NULL, 0, "hello", 5, tag);
}

/* Produces tags first to first + count - 1, all of which must be accepted. */
static inline void produce_tags(ap_producer_t *producer, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) CHECK_STATUS(produce_tag(producer, first + i), AP_OK);
}

/* Produces until the limit is reached; answers how many were accepted. */
static inline uint64_t produce_until_full(ap_producer_t *producer) {
    uint64_t accepted = 0;
    ap_status_t status;
    while ((status = produce_tag(producer, accepted)) == AP_OK) accepted++;
    CHECK_STATUS(status, AP_ERR_BUFFER_OVERFLOW);
    return accepted;
}

/* The end of a producer that can deliver all it has. */
static inline void finish(ap_producer_t *producer) {
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
}

/* accepted = delivered + failed + dropped + queue_size + buffer_size, while nothing is on its way and all is read. */
static inline void check_balance(const ap_producer_t *producer) {
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.delivered + stats.failed + stats.dropped + stats.queue_size + stats.buffer_size, stats.accepted);
}

#endif
