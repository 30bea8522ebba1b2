/*
 * The limit of messages is exact under any number of threads. Queue and buffer together hold max_queue_size +
 * max_buffer_size: nobody has to wait for the worker to see that.
 */
#include "check.h"

enum { THREADS = 16, ATTEMPTS = 200, ROUNDS = 20, ROOM = 15 };

static recorder_t recorder;

typedef struct {
    ap_producer_t *producer;
    uint64_t number;
    uint64_t accepted, overflowed;
    bool took[ATTEMPTS];
} maker_t;

/* Each message differs in all its parts, so that what comes back is seen to be the one that was given. */
static uint64_t tag_of(uint64_t thread, uint64_t attempt) {
    return thread * ATTEMPTS + attempt;
}

typedef struct {
    char topic[32], key[32], value[64], name[16], content[32];
} parts_t;

static parts_t parts_of(uint64_t tag) {
    parts_t parts;
    snprintf(parts.topic, sizeof parts.topic, "topic-%" PRIu64, tag % 3);
    snprintf(parts.key, sizeof parts.key, "key of %" PRIu64, tag);
    snprintf(parts.value, sizeof parts.value, "the value of message %" PRIu64, tag);
    snprintf(parts.name, sizeof parts.name, "name-%" PRIu64, tag);
    snprintf(parts.content, sizeof parts.content, "header of %" PRIu64, tag);
    return parts;
}

static ap_status_t produce_parts(ap_producer_t *producer, uint64_t tag) {
    parts_t parts = parts_of(tag);
    ap_header_t headers[2] = {{parts.name, parts.content, strlen(parts.content)}, {"null", NULL, 0}};
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = parts.topic;
    message.key = parts.key, message.key_len = strlen(parts.key);
    message.value = parts.value, message.value_len = strlen(parts.value);
    message.headers = headers, message.header_count = 2;
    message.tag = tag;
    return ap_produce_message(producer, &message);
}

static void check_parts(const ap_event_t *event) {
    parts_t parts = parts_of(event->tag);
    CHECK_TEXT(event->topic, parts.topic);
    CHECK_BYTES(event->key, event->key_len, parts.key, strlen(parts.key));
    CHECK_BYTES(event->value, event->value_len, parts.value, strlen(parts.value));
    CHECK_EQ(event->header_count, 2);
    CHECK_TEXT(event->headers[0].name, parts.name);
    CHECK_BYTES(event->headers[0].value, event->headers[0].value_len, parts.content, strlen(parts.content));
    CHECK_TEXT(event->headers[1].name, "null");
    CHECK_BYTES(event->headers[1].value, event->headers[1].value_len, NULL, 0);
}

static void *attempt_many(void *argument) {
    maker_t *maker = argument;
    for (uint64_t i = 0; i < ATTEMPTS; i++) {
        ap_status_t status = produce_parts(maker->producer, tag_of(maker->number, i));
        maker->took[i] = status == AP_OK;
        if (status == AP_OK) maker->accepted++;
        else CHECK_STATUS(status, AP_ERR_BUFFER_OVERFLOW);
        if (status != AP_OK) maker->overflowed++;
    }
    return NULL;
}

static void storm(ap_producer_t *producer, maker_t makers[THREADS]) {
    pthread_t threads[THREADS];
    memset(makers, 0, THREADS * sizeof *makers);
    for (uint64_t i = 0; i < THREADS; i++) {
        makers[i].producer = producer;
        makers[i].number = i;
        threads[i] = start(attempt_many, &makers[i]);
    }
    for (int i = 0; i < THREADS; i++) join(threads[i]);
}

/* Exactly the accepted ones come back, each once and whole. */
static void check_all_come_back(const maker_t makers[THREADS]) {
    recorder_wait(&recorder, AP_EVENT_DROPPED, ROOM);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), ROOM); /* no FAILED, no DELIVERED */
    for (size_t i = 0; i < ROOM; i++) check_parts(recorder_get(&recorder, AP_EVENT_DROPPED, i));
    for (uint64_t i = 0; i < THREADS; i++) {
        for (uint64_t j = 0; j < ATTEMPTS; j++) {
            CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, tag_of(i, j)), makers[i].took[j]);
        }
    }
}

static void r41_exactly_15_are_accepted_and_handed_back(void) {
    static maker_t makers[THREADS];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t accepted = 0, overflowed = 0;
        recorder_start(&recorder);
        ap_producer_t *producer =
            producer_with(&recorder, SETTLED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
        storm(producer, makers);
        for (int i = 0; i < THREADS; i++) accepted += makers[i].accepted, overflowed += makers[i].overflowed;
        CHECK_EQ(accepted, ROOM);
        CHECK_EQ(stats_of(producer).accepted, ROOM);
        CHECK_EQ(stats_of(producer).overflowed, overflowed);
        int64_t begin = now_ms();
        CHECK_STATUS(ap_shutdown(producer, 1000), AP_ERR_UNDELIVERED);
        CHECK_AT_MOST(now_ms() - begin, 1000 + scaled(1000));
        check_all_come_back(makers);
        ap_free(producer);
        CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), ROOM);
        recorder_end(&recorder);
    }
}

/* The sizes are never over their limits, whoever looks. */
static atomic_bool stop;

static void *watch_sizes(void *producer) {
    while (!atomic_load(&stop)) {
        ap_stats_t stats = stats_of(producer);
        CHECK_AT_MOST(stats.queue_size, stats.max_queue_size);
        CHECK_AT_MOST(stats.buffer_size, stats.max_buffer_size);
        CHECK_AT_MOST(stats.in_flight, stats.max_buffer_size);
    }
    return NULL;
}

static void sizes_never_exceed_their_limits(void) {
    static maker_t makers[THREADS];
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, MOCK, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    atomic_store(&stop, false);
    pthread_t watcher = start(watch_sizes, producer);
    for (int round = 0; round < 10; round++) storm(producer, makers);
    atomic_store(&stop, true);
    join(watcher);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, stats_of(producer).accepted);
    finish(producer);
}

static void the_smallest_limits_work(void) {
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "1", "max_buffer_size", "1", NULL);
    CHECK_EQ(produce_until_full(producer), 2);
    ap_free(producer);
    producer = producer_calling(NULL, NULL, 0, MOCK, "max_queue_size", "1", "max_buffer_size", "1", NULL);
    for (uint64_t i = 0; i < 50; i++) {
        WAIT_UNTIL(produce_tag(producer, i) == AP_OK);
    }
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 50);
    ap_free(producer);
}

int main(void) {
    watchdog(180);
    RUN(r41_exactly_15_are_accepted_and_handed_back);
    RUN(sizes_never_exceed_their_limits);
    RUN(the_smallest_limits_work);
    return 0;
}
