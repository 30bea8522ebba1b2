/* ap_wake(): every call that waits now returns early; calls that begin later do not. */
#include "check.h"

static recorder_t recorder;
static atomic_int done;

static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void *poll_without_limit(void *producer) {
    int64_t count = ap_poll(producer, -1, 10);
    atomic_fetch_add(&done, 1);
    return (void *)(intptr_t)count;
}

static void *flush_without_limit(void *producer) {
    ap_status_t status = ap_flush(producer, -1);
    atomic_fetch_add(&done, 1);
    return (void *)(intptr_t)status;
}

/* A call that has not begun when one wakes is not woken: so wake until all have returned. */
static void wake_until_done(ap_producer_t *producer, int threads) {
    int64_t end = now_ms() + scaled(PATIENCE_MS);
    while (atomic_load(&done) < threads) {
        CHECK_STATUS(ap_wake(producer), AP_OK);
        CHECK_AT_MOST(now_ms(), end);
        nap(1);
    }
}

static void it_ends_waiting_polls(void) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    ap_producer_t *producer = nowhere();
    atomic_store(&done, 0);
    for (int i = 0; i < THREADS; i++) threads[i] = start(poll_without_limit, producer);
    wake_until_done(producer, THREADS);
    for (int i = 0; i < THREADS; i++) CHECK_EQ((intptr_t)join(threads[i]), 0);
    end(producer);
}

static void it_ends_waiting_flushes(void) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 3);
    atomic_store(&done, 0);
    for (int i = 0; i < THREADS; i++) threads[i] = start(flush_without_limit, producer);
    wake_until_done(producer, THREADS);
    for (int i = 0; i < THREADS; i++) CHECK_STATUS((intptr_t)join(threads[i]), AP_ERR_TIMED_OUT);
    CHECK_EQ(stats_of(producer).dropped, 0); /* delivery goes on */
    end(producer);
}

/* One call wakes all that wait: the flush is known to wait, since nothing else starts a delivery. */
static void one_call_ends_polls_and_flushes_together(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 3);
    atomic_store(&done, 0);
    pthread_t flusher = start(flush_without_limit, producer), poller = start(poll_without_limit, producer);
    WAIT_UNTIL(stats_of(producer).deliveries >= 1);
    wake_until_done(producer, 2);
    CHECK_STATUS((intptr_t)join(flusher), AP_ERR_TIMED_OUT);
    CHECK_EQ((intptr_t)join(poller), 0);
    end(producer);
}

static void it_does_not_touch_later_calls(void) {
    ap_producer_t *producer = nowhere();
    for (int i = 0; i < 10; i++) CHECK_STATUS(ap_wake(producer), AP_OK);
    int64_t begin = now_ms();
    CHECK_EQ(ap_poll(producer, 200, 1), 0);
    CHECK_AT_LEAST(now_ms() - begin, 199);
    produce_tags(producer, 1, 1);
    begin = now_ms();
    CHECK_STATUS(ap_flush(producer, 200), AP_ERR_TIMED_OUT);
    CHECK_AT_LEAST(now_ms() - begin, 199);
    end(producer);
}

static void *shut_down_slowly(void *producer) {
    ap_status_t status = ap_shutdown(producer, 1000);
    atomic_store(&done, 1);
    return (void *)(intptr_t)status;
}

/* A shutdown is not woken: it has promised to wait. */
static void it_does_not_end_a_shutdown(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 3);
    atomic_store(&done, 0);
    int64_t begin = now_ms();
    pthread_t thread = start(shut_down_slowly, producer);
    while (!atomic_load(&done)) {
        CHECK_STATUS(ap_wake(producer), AP_OK);
        nap(5);
    }
    CHECK_STATUS((intptr_t)join(thread), AP_ERR_UNDELIVERED);
    CHECK_AT_LEAST(now_ms() - begin, 999);
    end(producer);
}

static void it_works_in_callback_mode(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    produce_tags(producer, 1, 3);
    atomic_store(&done, 0);
    pthread_t thread = start(flush_without_limit, producer);
    wake_until_done(producer, 1);
    CHECK_STATUS((intptr_t)join(thread), AP_ERR_TIMED_OUT);
    ap_free(producer);
}

static void it_is_fine_before_and_after_everything(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_wake(producer), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_wake(producer), AP_OK);
    end(producer);
    CHECK_STATUS(ap_wake(producer), AP_ERR_INVALID_ARGUMENT);
}

int main(void) {
    watchdog(120);
    RUN(it_ends_waiting_polls);
    RUN(it_ends_waiting_flushes);
    RUN(one_call_ends_polls_and_flushes_together);
    RUN(it_does_not_touch_later_calls);
    RUN(it_does_not_end_a_shutdown);
    RUN(it_works_in_callback_mode);
    RUN(it_is_fine_before_and_after_everything);
    return 0;
}
