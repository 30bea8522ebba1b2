/* What the event callback may call, what it may not, and that it may take its time. */
#include "check.h"

static recorder_t recorder;

/* ---- Calls in the hook ------------------------------------------------------------------------------------------- */

static _Atomic(ap_producer_t *) subject;
static atomic_int calls;
static atomic_int flush_status, shutdown_status, poll_status;

static void reset(void) {
    atomic_store(&subject, NULL);
    atomic_store(&calls, 0);
    atomic_store(&flush_status, 0);
    atomic_store(&shutdown_status, 0);
    atomic_store(&poll_status, 0);
}

/* The calls that could never return: without limit, so that a library that waits is seen to hang. */
static void call_what_blocks(const ap_event_t *event, void *user_data) {
    ap_producer_t *producer = atomic_load(&subject);
    (void)event, (void)user_data;
    atomic_store(&flush_status, ap_flush(producer, -1));
    atomic_store(&shutdown_status, ap_shutdown(producer, -1));
    atomic_store(&poll_status, (int)ap_poll(producer, -1, 1));
    CHECK_STATUS(ap_flush(producer, 0), AP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(ap_poll(producer, 0, 1), AP_ERR_WOULD_DEADLOCK);
    atomic_fetch_add(&calls, 1);
}

static void check_would_deadlock(void) {
    CHECK_STATUS(atomic_load(&flush_status), AP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(atomic_load(&shutdown_status), AP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(atomic_load(&poll_status), AP_ERR_WOULD_DEADLOCK);
}

static void r46_blocking_calls_would_deadlock(void) {
    reset();
    ap_producer_t *producer = producer_calling(call_what_blocks, NULL, AP_EVENT_DELIVERED, MOCK, NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(atomic_load(&calls) == 1);
    check_would_deadlock();
    produce_tags(producer, 2, 1); /* nothing was shut down */
    finish(producer);
}

static void blocking_calls_would_deadlock_in_poll_mode_too(void) {
    reset();
    ap_producer_t *producer =
        producer_calling(call_what_blocks, NULL, AP_EVENT_DELIVERED, MOCK, "event_mode", "poll", NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(ap_poll(producer, scaled(PATIENCE_MS), 10), 1);
    CHECK_EQ(atomic_load(&calls), 1);
    check_would_deadlock();
    CHECK_STATUS(ap_flush(producer, 0), AP_OK); /* outside the hook the thread may block again */
    finish(producer);
}

/* A hook that goes on producing: each message that is delivered makes the next one. */
enum { CHAIN = 30 };

static void call_what_does_not_block(const ap_event_t *event, void *user_data) {
    ap_producer_t *producer = atomic_load(&subject);
    ap_stats_t stats = AP_STATS_INIT;
    ap_message_t message = AP_MESSAGE_INIT;
    (void)user_data;
    CHECK_STATUS(ap_stats(producer, &stats), AP_OK);
    CHECK_AT_LEAST(stats.delivered, 1);
    CHECK_STATUS(ap_wake(producer), AP_OK);
    CHECK_TEXT(ap_status_name(AP_OK), "AP_OK");
    if (event->tag < CHAIN) {
        message.topic = "greetings";
        message.tag = event->tag + 1;
        switch (event->tag % 3) {
        case 0: CHECK_STATUS(ap_produce_message(producer, &message), AP_OK); break;
        case 1: CHECK_EQ(ap_produce_batch(producer, &message, 1), 1); break;
        default: CHECK_STATUS(produce_tag(producer, event->tag + 1), AP_OK); break;
        }
        CHECK_STATUS(ap_deliver(producer), AP_OK);
    }
    atomic_fetch_add(&calls, 1);
}

static void r45_other_calls_work(void) {
    reset();
    ap_producer_t *producer = producer_calling(call_what_does_not_block, NULL, AP_EVENT_DELIVERED, MOCK, NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(atomic_load(&calls) == CHAIN);
    finish(producer);
}

static void other_calls_work_in_poll_mode_too(void) {
    reset();
    ap_producer_t *producer =
        producer_calling(call_what_does_not_block, NULL, AP_EVENT_DELIVERED, MOCK, "event_mode", "poll", NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    while (atomic_load(&calls) < CHAIN) CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 10), 1);
    finish(producer);
}

static atomic_llong cleared;

static void call_clear(const ap_event_t *event, void *user_data) {
    (void)user_data;
    if (event->type == AP_EVENT_ENQUEUED && event->tag == 10) {
        atomic_store(&cleared, ap_clear(atomic_load(&subject)));
    }
    if (event->type == AP_EVENT_DROPPED) atomic_fetch_add(&calls, 1);
}

static void clear_works_in_the_hook(void) {
    reset();
    atomic_store(&cleared, -100);
    ap_producer_t *producer =
        producer_calling(call_clear, NULL, AP_EVENT_ENQUEUED | AP_EVENT_DROPPED, NO_BROKER, NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 10);
    WAIT_UNTIL(atomic_load(&cleared) != -100);
    CHECK_EQ(atomic_load(&cleared), 10);
    WAIT_UNTIL(atomic_load(&calls) == 10);
    ap_free(producer);
}

/* Room would only come when the hook has returned: it must not wait for it. */
static atomic_int produce_status;

static void produce_without_room(const ap_event_t *event, void *user_data) {
    (void)user_data;
    if (event->type != AP_EVENT_BUFFER_OVERFLOW || atomic_exchange(&calls, 1) != 0) return;
    atomic_store(&produce_status, produce_tag(atomic_load(&subject), 100));
}

static void *produce_one_more(void *producer) {
    return (void *)(intptr_t)produce_tag(producer, 50);
}

static void r45_the_hook_never_waits_for_room(void) {
    reset();
    atomic_store(&produce_status, 1);
    ap_producer_t *producer =
        producer_calling(produce_without_room, NULL, AP_EVENT_BUFFER_OVERFLOW, NO_BROKER, "max_queue_size", "2",
                         "max_buffer_size", "2", "overflow_wait", "1", NULL);
    atomic_store(&subject, producer);
    produce_tags(producer, 1, 4);
    int64_t begin = now_ms();
    pthread_t thread = start(produce_one_more, producer);
    CHECK_STATUS((intptr_t)join(thread), AP_ERR_BUFFER_OVERFLOW); /* waits one second, which the hook does not */
    CHECK_AT_LEAST(now_ms() - begin, 990);
    WAIT_UNTIL(atomic_load(&produce_status) != 1);
    CHECK_STATUS(atomic_load(&produce_status), AP_ERR_BUFFER_OVERFLOW);
    ap_free(producer);
}

/* ---- Slow hooks -------------------------------------------------------------------------------------------------- */

/* The hook blocks at its first event and stays there. */
static ap_producer_t *held_producer(const char *max_buffer_size) {
    recorder_start(&recorder);
    recorder_hold(&recorder, true);
    return producer_with(&recorder, AP_EVENT_DELIVERED | AP_EVENT_DROPPED | AP_EVENT_FAILED, MOCK, "max_buffer_size",
                         max_buffer_size, NULL);
}

static void r47_a_slow_hook_delays_no_delivery(void) {
    ap_producer_t *producer = held_producer("1000");
    for (uint64_t round = 0; round < 5; round++) {
        produce_tags(producer, 100 * round, 100);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        CHECK_EQ(stats_of(producer).delivered, 100 * (round + 1));
    }
    CHECK_AT_MOST(recorder_count(&recorder, SETTLED), 1); /* none but the first was read */
    recorder_hold(&recorder, false);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 500); /* late, but never lost */
    for (uint64_t i = 0; i < 500; i++) CHECK_EQ(recorder_tagged(&recorder, SETTLED, i), 1);
    finish(producer);
    recorder_end(&recorder);
}

static void r47_a_slow_hook_delays_no_shutdown(void) {
    ap_producer_t *producer = held_producer("1000");
    produce_tags(producer, 1, 100);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(recorder_inside(&recorder));
    int64_t begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, scaled(500)), AP_OK);
    CHECK_AT_MOST(now_ms() - begin, scaled(500 + 1000));
    recorder_hold(&recorder, false);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 100);
    ap_free(producer);
    recorder_end(&recorder);
}

/* Unread messages hold all the places of the buffer, so the rest is stuck behind them: shutdown ends by its deadline. */
static void a_slow_hook_holds_places_but_no_shutdown(void) {
    ap_producer_t *producer = held_producer("2");
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(stats_of(producer).delivered >= 2);
    WAIT_UNTIL(recorder_inside(&recorder));
    int64_t begin = now_ms();
    ap_status_t status = ap_shutdown(producer, scaled(500));
    CHECK_AT_MOST(now_ms() - begin, scaled(500 + 1000));
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.delivered + stats.dropped, 10);
    CHECK_STATUS(status, stats.delivered == 10 ? AP_OK : AP_ERR_UNDELIVERED);
    recorder_hold(&recorder, false);
    recorder_wait(&recorder, SETTLED, 10);
    for (uint64_t i = 1; i <= 10; i++) CHECK_EQ(recorder_tagged(&recorder, SETTLED, i), 1);
    ap_free(producer);
    recorder_end(&recorder);
}

static void unread_events_are_bounded(void) {
    ap_producer_t *producer = held_producer("5");
    uint64_t accepted = 0;
    /* 1000 in the queue, 5 in the buffer: places come back only when events are read, and no more than one is. */
    for (int64_t until = now_ms() + 500; now_ms() < until;) {
        if (produce_tag(producer, accepted) == AP_OK) accepted++;
    }
    CHECK_AT_MOST(accepted, 1005);
    CHECK_AT_MOST(stats_of(producer).unread_events, 1005);
    recorder_hold(&recorder, false);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, accepted);
    CHECK_EQ(recorder_count(&recorder, SETTLED), accepted);
    finish(producer);
    recorder_end(&recorder);
}

static atomic_bool freed;

static void *free_producer(void *producer) {
    ap_free(producer);
    atomic_store(&freed, true);
    return NULL;
}

/* ap_free() waits for the callback that runs, and no other begins after it. */
static void free_waits_for_the_hook(void) {
    ap_producer_t *producer = held_producer("1000");
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(recorder_inside(&recorder));
    atomic_store(&freed, false);
    pthread_t thread = start(free_producer, producer);
    nap(1500); /* more than the second for which other events are reported */
    CHECK(recorder_inside(&recorder));
    CHECK(!atomic_load(&freed));
    recorder_hold(&recorder, false);
    join(thread);
    CHECK(!recorder_inside(&recorder));
    recorder_end(&recorder); /* which nobody uses any more: a sanitizer would tell */
}

/* ---- Freeing in the hook ----------------------------------------------------------------------------------------- */

static void free_in_hook(const ap_event_t *event, void *user_data) {
    record_event(event, user_data);
    if (event->type == AP_EVENT_ENQUEUED) ap_free(atomic_load(&subject));
    atomic_fetch_add(&calls, 1);
}

static ap_producer_t *producer_freed_in_hook(const char *event_mode) {
    ap_config_t *config = config_with(NO_BROKER, "event_mode", event_mode, NULL);
    reset();
    recorder_start(&recorder);
    CHECK_STATUS(ap_config_set_event_callback(config, AP_EVENT_ENQUEUED | AP_EVENT_DROPPED, free_in_hook, &recorder,
                                              record_free_call),
                 AP_OK);
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    atomic_store(&subject, producer);
    return producer;
}

static void r46_free_in_the_hook_takes_effect_after_it(void) {
    ap_stats_t stats = AP_STATS_INIT;
    ap_producer_t *producer = producer_freed_in_hook("callback");
    produce_tags(producer, 1, 1);
    WAIT_UNTIL(recorder_frees(&recorder) == 1);
    WAIT_UNTIL(ap_stats(producer, &stats) == AP_ERR_INVALID_ARGUMENT);
    CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, 1), 1); /* what it had is handed back before the end */
    int before = atomic_load(&calls);
    ap_free(producer);
    nap(50);
    CHECK_EQ(atomic_load(&calls), before);
    CHECK_EQ(recorder_frees(&recorder), 1);
    recorder_end(&recorder);
}

static void free_in_the_hook_of_ap_poll_takes_effect_after_it(void) {
    ap_stats_t stats = AP_STATS_INIT;
    ap_producer_t *producer = producer_freed_in_hook("poll");
    produce_tags(producer, 1, 1);
    CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 1), 1);
    WAIT_UNTIL(ap_stats(producer, &stats) == AP_ERR_INVALID_ARGUMENT);
    WAIT_UNTIL(recorder_frees(&recorder) == 1);
    CHECK_STATUS(ap_poll(producer, 0, 1), AP_ERR_INVALID_ARGUMENT);
    recorder_end(&recorder);
}

/* Another thread frees at the same time: one of them does it. */
static void free_in_the_hook_races_free_outside(void) {
    for (int i = 0; i < 30; i++) {
        ap_producer_t *producer = producer_freed_in_hook("callback");
        produce_tags(producer, 1, 1);
        ap_free(producer);
        WAIT_UNTIL(recorder_frees(&recorder) == 1);
        nap(1);
        CHECK_EQ(recorder_frees(&recorder), 1);
        recorder_end(&recorder);
    }
}

int main(void) {
    watchdog(180);
    RUN(r46_blocking_calls_would_deadlock);
    RUN(blocking_calls_would_deadlock_in_poll_mode_too);
    RUN(r45_other_calls_work);
    RUN(other_calls_work_in_poll_mode_too);
    RUN(clear_works_in_the_hook);
    RUN(r45_the_hook_never_waits_for_room);
    RUN(r47_a_slow_hook_delays_no_delivery);
    RUN(r47_a_slow_hook_delays_no_shutdown);
    RUN(a_slow_hook_holds_places_but_no_shutdown);
    RUN(unread_events_are_bounded);
    RUN(free_waits_for_the_hook);
    RUN(r46_free_in_the_hook_takes_effect_after_it);
    RUN(free_in_the_hook_of_ap_poll_takes_effect_after_it);
    RUN(free_in_the_hook_races_free_outside);
    return 0;
}
