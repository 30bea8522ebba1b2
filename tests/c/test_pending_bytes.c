/* max_pending_bytes: the hard bound on the memory of all that is accepted and not settled. */
#include "check.h"

enum { LIMIT = 100000, THREADS = 8 };

static char value[200000];

static ap_producer_t *nowhere(void) {
    return producer_calling(NULL, NULL, 0, NO_BROKER, "max_pending_bytes", "100000", "max_queue_size", "100000", NULL);
}

static ap_status_t produce_bytes(ap_producer_t *producer, size_t len) {
    return ap_produce(producer, "greetings", NULL, 0, value, len, 1);
}

static void the_bytes_are_the_limit(void) {
    ap_producer_t *producer = nowhere();
    int accepted = 0;
    while (produce_bytes(producer, 10000) == AP_OK) accepted++;
    CHECK_STATUS(produce_bytes(producer, 10000), AP_ERR_BUFFER_OVERFLOW);
    CHECK_EQ(accepted, 9); /* the values of ten would just fit, but topic and overhead count too */
    CHECK_AT_MOST(stats_of(producer).pending_bytes, LIMIT);
    CHECK_STATUS(produce_bytes(producer, 10), AP_OK); /* a small one still fits */
    ap_free(producer);
}

/* Small messages are bounded too: their overhead is counted. */
static void overhead_counts(void) {
    ap_producer_t *producer = nowhere();
    uint64_t accepted = produce_until_full(producer);
    CHECK_AT_MOST(accepted, LIMIT / (strlen("greetings") + strlen("hello")));
    CHECK_AT_MOST(stats_of(producer).pending_bytes, LIMIT);
    CHECK_AT_LEAST(stats_of(producer).pending_bytes, LIMIT - 2000);
    ap_free(producer);
}

static void room_comes_back(void) {
    ap_producer_t *producer = nowhere();
    for (int i = 0; i < 10; i++) {
        while (produce_bytes(producer, 10000) == AP_OK) continue;
        CHECK_AT_LEAST(ap_clear(producer), 1);
        WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    }
    ap_free(producer);
}

static void what_never_fits_is_too_large(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(produce_bytes(producer, LIMIT), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_STATUS(produce_bytes(producer, LIMIT + 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_EQ(stats_of(producer).overflowed, 0);
    CHECK_STATUS(produce_bytes(producer, LIMIT - 2000), AP_OK);
    ap_free(producer);
}

static void *produce_many(void *producer) {
    for (int i = 0; i < 300; i++) {
        ap_status_t status = produce_bytes(producer, 1000 + (size_t)i % 7 * 500);
        CHECK_EITHER(status, AP_OK, AP_ERR_BUFFER_OVERFLOW);
        CHECK_AT_MOST(stats_of(producer).pending_bytes, LIMIT);
    }
    return NULL;
}

static void many_threads_never_exceed_it(void) {
    pthread_t threads[THREADS];
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, "max_pending_bytes", "100000", "delivery_threshold",
                                               "5", NULL);
    for (int i = 0; i < THREADS; i++) threads[i] = start(produce_many, producer);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    finish(producer);
}

static void off_means_no_limit(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_pending_bytes", "0", NULL);
    CHECK_EQ(stats_of(producer).max_pending_bytes, 0);
    for (int i = 0; i < 500; i++) CHECK_STATUS(produce_bytes(producer, sizeof value), AP_OK); /* 100 MB */
    CHECK_AT_LEAST(stats_of(producer).pending_bytes, 500 * sizeof value);
    ap_free(producer);
}

int main(void) {
    watchdog(120);
    RUN(the_bytes_are_the_limit);
    RUN(overhead_counts);
    RUN(room_comes_back);
    RUN(what_never_fits_is_too_large);
    RUN(many_threads_never_exceed_it);
    RUN(off_means_no_limit);
    return 0;
}
