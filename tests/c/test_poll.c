/* Poll mode: ap_poll() runs the hook on the calling thread, and no other thread ever does. */
#include "check.h"

static recorder_t recorder;

static ap_producer_t *mock(uint32_t mask) {
    recorder_start(&recorder);
    return producer_with(&recorder, mask, MOCK, "event_mode", "poll", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

/* Delivers count messages, whose events then wait. */
static void deliver_tags(ap_producer_t *producer, uint64_t first, uint64_t count) {
    produce_tags(producer, first, count);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
}

static void the_hook_runs_on_the_calling_thread_only(void) {
    ap_producer_t *producer = mock(AP_EVENT_ALL);
    deliver_tags(producer, 1, 100);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), 0);
    while (recorder_count(&recorder, AP_EVENT_DELIVERED) < 100) {
        CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 7), 1);
    }
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    while (ap_poll(producer, 0, 100) > 0) continue;
    ap_free(producer);
    size_t count = recorder_count(&recorder, AP_EVENT_ALL);
    for (size_t i = 0; i < count; i++) {
        CHECK(pthread_equal(recorder_record(&recorder, AP_EVENT_ALL, i)->thread, pthread_self()));
    }
    recorder_end(&recorder);
}

static void it_answers_how_many_it_ran_for(void) {
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 1, 25);
    CHECK_EQ(ap_poll(producer, 0, 10), 10);
    CHECK_EQ(ap_poll(producer, -1, 10), 10);
    CHECK_EQ(ap_poll(producer, scaled(PATIENCE_MS), 10), 5); /* what is there; it does not wait for more */
    CHECK_EQ(ap_poll(producer, 0, 10), 0);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DELIVERED), 25);
    for (uint64_t i = 1; i <= 25; i++) CHECK_EQ(recorder_tagged(&recorder, SETTLED, i), 1);
    end(producer);
}

static void all_may_be_asked_for(void) {
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 1, 25);
    CHECK_EQ(ap_poll(producer, 0, SIZE_MAX), 25);
    end(producer);
}

static void it_waits_for_the_first(void) {
    ap_producer_t *producer = mock(SETTLED);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_EQ(ap_poll(producer, -1, 10), 1);
    end(producer);
}

static void the_time_passes_where_nothing_comes(void) {
    ap_producer_t *producer = mock(SETTLED);
    int64_t begin = now_ms();
    CHECK_EQ(ap_poll(producer, 200, 10), 0);
    CHECK_AT_LEAST(now_ms() - begin, 199);
    CHECK_EQ(ap_poll(producer, 0, 10), 0);
    end(producer);
}

static void bad_arguments_are_refused(void) {
    ap_producer_t *producer = mock(SETTLED);
    CHECK_STATUS(ap_poll(producer, -2, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll(producer, INT64_MIN, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll(producer, 0, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll(producer, -1, 0), AP_ERR_INVALID_ARGUMENT);
    end(producer);
}

static void callback_mode_has_no_poll(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    CHECK_STATUS(ap_poll(producer, 0, 1), AP_ERR_UNSUPPORTED);
    CHECK_STATUS(ap_poll(producer, -1, 1), AP_ERR_UNSUPPORTED);
    CHECK_STATUS(ap_event_fd(producer), AP_ERR_UNSUPPORTED);
    ap_free(producer);
}

/* Events of settled messages hold their places: who does not read meets an overflow, not a growing heap. */
static void unread_events_end_in_overflow(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "event_mode", "poll", "max_queue_size", "10",
                                            "max_buffer_size", "5", NULL);
    CHECK_EQ(produce_until_full(producer), 15);
    WAIT_UNTIL(stats_of(producer).delivered >= 5);
    for (int64_t until = now_ms() + 300; now_ms() < until; nap(10)) { /* delivered, and still there */
        CHECK_STATUS(produce_tag(producer, 99), AP_ERR_BUFFER_OVERFLOW);
    }
    CHECK_AT_MOST(stats_of(producer).unread_events, 15);
    for (uint64_t i = 0; i < 100; i++) { /* each event that is read makes room for exactly one */
        CHECK_EQ(ap_poll(producer, scaled(PATIENCE_MS), 1), 1);
        CHECK_STATUS(produce_tag(producer, 100 + i), AP_OK);
        CHECK_STATUS(produce_tag(producer, 99), AP_ERR_BUFFER_OVERFLOW);
    }
    CHECK_STATUS(ap_deliver(producer), AP_OK); /* the last few may not fill the buffer */
    while (recorder_count(&recorder, SETTLED) < 115) CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 100), 1);
    CHECK_EQ(recorder_tagged(&recorder, SETTLED, 99), 0);
    CHECK_EQ(stats_of(producer).accepted, 115);
    check_balance(producer);
    end(producer);
}

/* Where no settlement event was asked for, none holds a place, and nobody needs to poll. */
static void without_settlement_events_nothing_is_held(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STALLED, MOCK, "event_mode", "poll", "max_queue_size",
                                            "10", "max_buffer_size", "5", NULL);
    for (uint64_t round = 1; round <= 10; round++) {
        produce_tags(producer, 1, 15);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    }
    CHECK_EQ(stats_of(producer).delivered, 150);
    end(producer);
}

static void without_a_callback_nothing_is_held(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, "event_mode", "poll", "max_queue_size", "10", NULL);
    for (uint64_t round = 1; round <= 10; round++) {
        produce_tags(producer, 1, 10);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    }
    CHECK_EQ(ap_poll(producer, 0, 10), 0);
    finish(producer);
}

/* Events nobody reads that are not settlements stay bounded too. */
static void unread_notices_coalesce(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ENQUEUED | AP_EVENT_BUFFER_OVERFLOW, NO_BROKER,
                                            "event_mode", "poll", "max_queue_size", "10", "max_buffer_size", "5", NULL);
    for (uint64_t i = 0; i < 20000; i++) (void)produce_tag(producer, i);
    CHECK_AT_MOST(stats_of(producer).unread_events, 10000);
    while (ap_poll(producer, 0, 1000) > 0) continue;
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_ENQUEUED), 15);
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_BUFFER_OVERFLOW), 20000 - 15);
    end(producer);
}

static void events_can_be_read_after_shutdown(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), 0);
    CHECK_EQ(ap_poll(producer, -1, 6), 6);
    CHECK_EQ(ap_poll(producer, -1, 6), 4);
    CHECK_EQ(ap_poll(producer, -1, 6), 0); /* every event is read: it does not wait for more */
    for (uint64_t i = 1; i <= 10; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, i), 1);
    end(producer);
}

static atomic_bool began;

static void *poll_once(void *producer) {
    atomic_store(&began, true);
    return (void *)(intptr_t)ap_poll(producer, -1, 10);
}

static void shutdown_ends_the_wait(void) {
    ap_producer_t *producer = mock(SETTLED);
    atomic_store(&began, false);
    pthread_t thread = start(poll_once, producer);
    WAIT_UNTIL(atomic_load(&began));
    nap(50); /* likely in the call by now, and right in either case */
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_EQ((intptr_t)join(thread), 0);
    end(producer);
}

static void free_ends_the_wait(void) {
    ap_producer_t *producer = mock(SETTLED);
    atomic_store(&began, false);
    pthread_t thread = start(poll_once, producer);
    WAIT_UNTIL(atomic_load(&began));
    nap(50);
    ap_free(producer);
    intptr_t result = (intptr_t)join(thread);
    CHECK_EITHER(result, 0, AP_ERR_INVALID_ARGUMENT);
    recorder_end(&recorder);
}

/* Several threads poll: they take turns (the recorder checks it), and each event goes to one of them. */
enum { MESSAGES = 900 };

static void *poll_always(void *producer) {
    int64_t count;
    while ((count = ap_poll(producer, -1, 3)) > 0) continue;
    CHECK_EQ(count, 0);
    return NULL;
}

static void many_threads_take_turns(void) {
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    ap_producer_t *producer = mock(SETTLED);
    for (int i = 0; i < THREADS; i++) threads[i] = start(poll_always, producer);
    produce_tags(producer, 0, MESSAGES);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    CHECK_EQ(recorder_count(&recorder, SETTLED), MESSAGES);
    for (uint64_t i = 0; i < MESSAGES; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DELIVERED, i), 1);
    end(producer);
}

int main(void) {
    watchdog(120);
    RUN(the_hook_runs_on_the_calling_thread_only);
    RUN(it_answers_how_many_it_ran_for);
    RUN(all_may_be_asked_for);
    RUN(it_waits_for_the_first);
    RUN(the_time_passes_where_nothing_comes);
    RUN(bad_arguments_are_refused);
    RUN(callback_mode_has_no_poll);
    RUN(unread_events_end_in_overflow);
    RUN(without_settlement_events_nothing_is_held);
    RUN(without_a_callback_nothing_is_held);
    RUN(unread_notices_coalesce);
    RUN(events_can_be_read_after_shutdown);
    RUN(shutdown_ends_the_wait);
    RUN(free_ends_the_wait);
    RUN(many_threads_take_turns);
    return 0;
}
