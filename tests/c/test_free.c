/* ap_free(): while others use the producer, twice, in many threads; and that what it had is handed back. */
#include "check.h"

static recorder_t recorder;

static void null_is_fine(void) {
    ap_free(NULL);
    ap_free(NULL);
}

static void messages_are_handed_back(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    produce_tags(producer, 1, 20);
    int64_t begin = now_ms();
    ap_free(producer);
    CHECK_AT_MOST(now_ms() - begin, scaled(2000)); /* shutdown and events, a second each at the most */
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), 20);
    for (uint64_t i = 1; i <= 20; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, i), 1);
    recorder_end(&recorder);
}

static void the_handle_is_refused_from_then_on(void) {
    ap_stats_t stats = AP_STATS_INIT;
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 1);
    finish(producer);
    CHECK_STATUS(produce_tag(producer, 2), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_flush(producer, -1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_stats(producer, &stats), AP_ERR_INVALID_ARGUMENT);
    ap_free(producer);
}

/* ---- Against other threads --------------------------------------------------------------------------------------- */

enum { THREADS = 8 };

static atomic_int producing;

/* Calls this and that until the producer is gone. */
static void *use_until_freed(void *producer) {
    ap_stats_t stats = AP_STATS_INIT;
    ap_status_t status;
    atomic_fetch_add(&producing, 1);
    for (uint64_t i = 0; (status = produce_tag(producer, i)) != AP_ERR_INVALID_ARGUMENT; i++) {
        CHECK(status == AP_OK || status == AP_ERR_BUFFER_OVERFLOW || status == AP_ERR_SHUT_DOWN);
        if (i % 16 == 0) (void)ap_deliver(producer);
        if (i % 64 == 0) (void)ap_stats(producer, &stats);
        if (i % 256 == 0) (void)ap_flush(producer, 0);
    }
    CHECK_STATUS(ap_deliver(producer), AP_ERR_INVALID_ARGUMENT);
    return NULL;
}

static void *free_it(void *producer) {
    ap_free(producer);
    return NULL;
}

static void check_freed_during_use(ap_producer_t *producer) {
    pthread_t users[THREADS], one, two;
    atomic_store(&producing, 0);
    for (int i = 0; i < THREADS; i++) users[i] = start(use_until_freed, producer);
    WAIT_UNTIL(atomic_load(&producing) == THREADS);
    one = start(free_it, producer);
    two = start(free_it, producer);
    join(one);
    join(two);
    for (int i = 0; i < THREADS; i++) join(users[i]);
}

static void r35_it_races_every_use_without_a_broker(void) {
    for (int i = 0; i < 30; i++) {
        check_freed_during_use(producer_calling(NULL, NULL, 0, NO_BROKER, "delivery_threshold", "10", NULL));
    }
}

static void r35_it_races_every_use_with_a_broker(void) {
    for (int i = 0; i < 15; i++) {
        check_freed_during_use(producer_calling(NULL, NULL, 0, MOCK, "delivery_threshold", "10", NULL));
    }
}

/* Before the first message has started a thread, and just then. */
static void *produce_once(void *producer) {
    ap_status_t status = produce_tag(producer, 1);
    CHECK(status == AP_OK || status == AP_ERR_SHUT_DOWN || status == AP_ERR_INVALID_ARGUMENT);
    return NULL;
}

static void it_races_the_first_message(void) {
    for (int i = 0; i < 100; i++) {
        ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
        pthread_t one = start(produce_once, producer), two = start(produce_once, producer);
        ap_free(producer);
        join(one);
        join(two);
    }
}

/* Threads that wait in the producer return: in a flush, a poll, a shutdown, and for room. */
static void *wait_in_flush(void *producer) {
    return (void *)(intptr_t)ap_flush(producer, -1);
}

static void *wait_in_poll(void *producer) {
    int64_t count;
    while ((count = ap_poll(producer, -1, 10)) > 0) continue;
    return (void *)(intptr_t)count;
}

static void *wait_for_room(void *producer) {
    ap_status_t status;
    while ((status = produce_tag(producer, 9)) == AP_OK) continue;
    return (void *)(intptr_t)status;
}

static void threads_that_wait_return(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", "overflow_wait", "1000",
                                            "max_queue_size", "5", "max_buffer_size", "5", NULL);
    produce_tags(producer, 1, 5);
    pthread_t flusher = start(wait_in_flush, producer);
    pthread_t poller = start(wait_in_poll, producer);
    pthread_t maker = start(wait_for_room, producer);
    WAIT_UNTIL(stats_of(producer).accepted == 10); /* all the room there is */
    nap(50);
    ap_free(producer);
    ap_status_t status = (ap_status_t)(intptr_t)join(flusher);
    CHECK_EITHER(status, AP_ERR_UNDELIVERED, AP_ERR_INVALID_ARGUMENT);
    status = (ap_status_t)(intptr_t)join(poller);
    CHECK_EITHER(status, 0, AP_ERR_INVALID_ARGUMENT);
    status = (ap_status_t)(intptr_t)join(maker);
    CHECK_EITHER(status, AP_ERR_SHUT_DOWN, AP_ERR_INVALID_ARGUMENT);
    recorder_end(&recorder);
}

int main(void) {
    watchdog(180);
    RUN(null_is_fine);
    RUN(messages_are_handed_back);
    RUN(the_handle_is_refused_from_then_on);
    RUN(r35_it_races_every_use_without_a_broker);
    RUN(r35_it_races_every_use_with_a_broker);
    RUN(it_races_the_first_message);
    RUN(threads_that_wait_return);
    return 0;
}
