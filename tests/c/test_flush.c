/* ap_flush(): delivers, and waits until all that was accepted before is settled. */
#include "check.h"

static ap_producer_t *mock(void) {
    return producer_calling(NULL, NULL, 0, MOCK, NULL);
}

static ap_producer_t *nowhere(void) {
    return producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
}

static void nothing_to_flush_is_done_at_once(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_flush(producer, 0), AP_OK);
    CHECK_STATUS(ap_flush(producer, 1000), AP_OK);
    CHECK_STATUS(ap_flush(producer, -1), AP_OK);
    ap_free(producer);
}

static void all_is_delivered_when_it_returns(void) {
    ap_producer_t *producer = mock();
    for (uint64_t round = 1; round <= 5; round++) {
        produce_tags(producer, 1, 100);
        CHECK_STATUS(ap_flush(producer, round % 2 == 0 ? -1 : scaled(PATIENCE_MS)), AP_OK);
        CHECK_EQ(stats_of(producer).delivered, 100 * round);
    }
    finish(producer);
}

/* Later than the buffer holds at a time, later than the queue holds too. */
static void more_than_a_buffer_is_flushed(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, "max_buffer_size", "10", NULL);
    produce_tags(producer, 1, 995);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 995);
    finish(producer);
}

/* Where no event holds them, the places are free when the call returns: a caller that flushes to make room has it. */
static void room_is_there_when_it_returns(void) {
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, MOCK, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    for (uint64_t round = 1; round <= 50; round++) {
        CHECK_EQ(produce_until_full(producer), 15);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        CHECK_EQ(stats_of(producer).pending_bytes, 0);
    }
    finish(producer);
}

static void deadline_ends_the_wait_and_not_the_delivery(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_flush(producer, 0), AP_ERR_TIMED_OUT);
    int64_t begin = now_ms();
    CHECK_STATUS(ap_flush(producer, 200), AP_ERR_TIMED_OUT);
    CHECK_AT_LEAST(now_ms() - begin, 199);
    CHECK_EQ(stats_of(producer).deliveries, 1);
    CHECK_EQ(stats_of(producer).dropped, 0);
    ap_free(producer);
}

/* Asked with 0 again and again, it starts the delivery and says when it is over. */
static void no_timeout_answers_how_it_stands(void) {
    ap_producer_t *producer = mock();
    ap_status_t status;
    produce_tags(producer, 1, 50);
    WAIT_UNTIL((status = ap_flush(producer, 0)) != AP_ERR_TIMED_OUT);
    CHECK_STATUS(status, AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 50);
    finish(producer);
}

static void timeouts_below_minus_1_are_refused(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_flush(producer, -2), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_flush(producer, INT64_MIN), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_flush(producer, INT64_MAX), AP_OK); /* long, but allowed */
    ap_free(producer);
}

/* A deadline no clock can hold must not have passed already. */
static void longest_timeout_waits(void) {
    ap_producer_t *producer = mock();
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_flush(producer, INT64_MAX), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 5);
    CHECK_STATUS(ap_shutdown(producer, INT64_MAX), AP_OK);
    ap_free(producer);
}

static void *flush_without_limit(void *producer) {
    return (void *)(intptr_t)ap_flush(producer, -1);
}

/* Nothing starts a delivery here but the flush, so that a delivery shows that it waits. */
static pthread_t start_flush(ap_producer_t *producer) {
    pthread_t thread = start(flush_without_limit, producer);
    WAIT_UNTIL(stats_of(producer).deliveries >= 1);
    return thread;
}

static void dropped_messages_end_the_wait(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    pthread_t thread = start_flush(producer);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_STATUS((intptr_t)join(thread), AP_ERR_UNDELIVERED);
    ap_free(producer);
}

static void freeing_ends_the_wait(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    pthread_t thread = start_flush(producer);
    ap_free(producer);
    ap_status_t status = (ap_status_t)(intptr_t)join(thread);
    CHECK_EITHER(status, AP_ERR_UNDELIVERED, AP_ERR_INVALID_ARGUMENT); /* dropped, or freed: both are true */
}

static void many_threads_flush_at_once(void) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    ap_producer_t *producer = mock();
    produce_tags(producer, 1, 500);
    for (int i = 0; i < THREADS; i++) threads[i] = start(flush_without_limit, producer);
    for (int i = 0; i < THREADS; i++) CHECK_STATUS((intptr_t)join(threads[i]), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 500);
    finish(producer);
}

/* A flush waits for what was accepted before it, not for what others go on to produce. */
static atomic_bool stop;

static void *produce_always(void *producer) {
    while (!atomic_load(&stop)) {
        ap_status_t status = produce_tag(producer, 0);
        CHECK_EITHER(status, AP_OK, AP_ERR_BUFFER_OVERFLOW);
    }
    return NULL;
}

static void later_messages_do_not_hold_it_up(void) {
    ap_producer_t *producer = mock();
    atomic_store(&stop, false);
    pthread_t thread = start(produce_always, producer);
    for (int i = 0; i < 10; i++) {
        uint64_t accepted = stats_of(producer).accepted;
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        CHECK_AT_LEAST(stats_of(producer).delivered, accepted);
    }
    atomic_store(&stop, true);
    join(thread);
    finish(producer);
}

static void flush_is_refused_after_shutdown(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_flush(producer, 0), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_flush(producer, -1), AP_ERR_SHUT_DOWN);
    ap_free(producer);
}

int main(void) {
    watchdog(180);
    RUN(nothing_to_flush_is_done_at_once);
    RUN(all_is_delivered_when_it_returns);
    RUN(more_than_a_buffer_is_flushed);
    RUN(room_is_there_when_it_returns);
    RUN(deadline_ends_the_wait_and_not_the_delivery);
    RUN(no_timeout_answers_how_it_stands);
    RUN(timeouts_below_minus_1_are_refused);
    RUN(longest_timeout_waits);
    RUN(dropped_messages_end_the_wait);
    RUN(freeing_ends_the_wait);
    RUN(many_threads_flush_at_once);
    RUN(later_messages_do_not_hold_it_up);
    RUN(flush_is_refused_after_shutdown);
    return 0;
}
