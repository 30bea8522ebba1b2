/* ap_shutdown(): delivers what it can, drops the rest at its deadline, settles everything exactly once. */
#include "check.h"

static recorder_t recorder;

static ap_producer_t *mock(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, MOCK, NULL);
}

static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, NO_BROKER, NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void check_settled_once(uint64_t first, uint64_t count, uint32_t types) {
    recorder_wait(&recorder, SETTLED, count);
    CHECK_EQ(recorder_count(&recorder, SETTLED), count);
    for (uint64_t i = 0; i < count; i++) CHECK_EQ(recorder_tagged(&recorder, types, first + i), 1);
}

static void it_delivers_what_there_is(void) {
    ap_producer_t *producer = mock();
    produce_tags(producer, 1, 200);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 200);
    check_settled_once(1, 200, AP_EVENT_DELIVERED);
    end(producer);
}

static void r42_it_may_come_before_anything(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), 0);
    end(producer);
}

static void r44_no_timeout_drops_now(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 50);
    int64_t begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_AT_MOST(now_ms() - begin, scaled(1000));
    CHECK_EQ(stats_of(producer).dropped, 50);
    check_settled_once(1, 50, AP_EVENT_DROPPED);
    end(producer);
}

/* At the deadline, and not before; what a delivery was asked for is dropped like the rest. */
static void r43_the_deadline_drops_what_is_left(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 50);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(stats_of(producer).deliveries >= 1);
    int64_t begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, 300), AP_ERR_UNDELIVERED);
    CHECK_AT_LEAST(now_ms() - begin, 299);
    CHECK_AT_MOST(now_ms() - begin, 300 + scaled(1000));
    check_settled_once(1, 50, AP_EVENT_DROPPED);
    for (uint64_t i = 1; i <= 50; i++) {
        const ap_event_t *event = recorder_find(&recorder, SETTLED, i);
        CHECK_EQ(event->persistence, AP_PERSISTENCE_NO);
        CHECK_BYTES(event->value, event->value_len, "hello", 5);
    }
    end(producer);
}

/* With a slow broker some messages are in librdkafka's hands: known to be nowhere, or of unknown fate, and said so. */
static void what_was_handed_over_comes_back(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "test.mock.broker.rtt", "700", NULL);
    produce_tags(producer, 1, 50);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(stats_of(producer).in_flight > 0);
    int64_t begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_AT_MOST(now_ms() - begin, scaled(1000));
    recorder_wait(&recorder, SETTLED, 50);
    CHECK_EQ(recorder_count(&recorder, SETTLED), 50);
    for (uint64_t i = 1; i <= 50; i++) {
        const ap_event_t *event = recorder_find(&recorder, AP_EVENT_DROPPED | AP_EVENT_FAILED, i);
        CHECK_EQ(event->persistence, event->type == AP_EVENT_FAILED ? AP_PERSISTENCE_POSSIBLY : AP_PERSISTENCE_NO);
        CHECK_BYTES(event->value, event->value_len, "hello", 5);
    }
    end(producer);
}

static void each_function_says_that_it_is_over(void) {
    ap_producer_t *producer = nowhere();
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_produce_batch(producer, &message, 1), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_deliver(producer), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_flush(producer, 0), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_clear(producer), AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_wake(producer), AP_OK);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

static void timeouts_below_minus_1_are_refused(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_shutdown(producer, -2), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_shutdown(producer, INT64_MIN), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(produce_tag(producer, 1), AP_OK); /* it has not begun */
    end(producer);
}

static void a_second_call_answers_the_same(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 3);
    for (int i = 0; i < 3; i++) CHECK_STATUS(ap_shutdown(producer, i == 0 ? 0 : -1), AP_ERR_UNDELIVERED);
    check_settled_once(1, 3, AP_EVENT_DROPPED);
    end(producer);
    producer = mock();
    produce_tags(producer, 1, 3);
    for (int i = 0; i < 3; i++) CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    check_settled_once(1, 3, AP_EVENT_DELIVERED);
    end(producer);
}

static void *shut_down_without_limit(void *producer) {
    return (void *)(intptr_t)ap_shutdown(producer, -1);
}

static void r42_two_threads_get_the_same_answer(void) {
    for (int i = 0; i < 10; i++) {
        ap_producer_t *producer = mock();
        produce_tags(producer, 1, 20);
        pthread_t one = start(shut_down_without_limit, producer), two = start(shut_down_without_limit, producer);
        CHECK_STATUS((intptr_t)join(one), AP_OK);
        CHECK_STATUS((intptr_t)join(two), AP_OK);
        check_settled_once(1, 20, AP_EVENT_DELIVERED);
        end(producer);
    }
}

/* An endless shutdown is ended by one with an earlier deadline from another thread. */
static void check_shortened(int64_t timeout_ms) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    pthread_t one = start(shut_down_without_limit, producer), two = start(shut_down_without_limit, producer);
    WAIT_UNTIL(ap_deliver(producer) == AP_ERR_SHUT_DOWN); /* it has begun */
    int64_t begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, timeout_ms), AP_ERR_UNDELIVERED);
    CHECK_AT_MOST(now_ms() - begin, timeout_ms + scaled(1000));
    CHECK_STATUS((intptr_t)join(one), AP_ERR_UNDELIVERED);
    CHECK_STATUS((intptr_t)join(two), AP_ERR_UNDELIVERED);
    check_settled_once(1, 5, AP_EVENT_DROPPED);
    end(producer);
}

static void r44_an_earlier_deadline_ends_it(void) {
    check_shortened(0);
    check_shortened(200);
}

static void *shut_down_soon(void *producer) {
    return (void *)(intptr_t)ap_shutdown(producer, 200);
}

/* A later deadline does not make it longer. */
static void a_later_deadline_changes_nothing(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    int64_t begin = now_ms();
    pthread_t thread = start(shut_down_soon, producer);
    WAIT_UNTIL(ap_deliver(producer) == AP_ERR_SHUT_DOWN);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_ERR_UNDELIVERED);
    CHECK_AT_MOST(now_ms() - begin, 200 + scaled(1000));
    CHECK_STATUS((intptr_t)join(thread), AP_ERR_UNDELIVERED);
    end(producer);
}

static void freeing_ends_it(void) {
    ap_producer_t *producer = nowhere();
    produce_tags(producer, 1, 5);
    pthread_t thread = start(shut_down_without_limit, producer);
    WAIT_UNTIL(ap_deliver(producer) == AP_ERR_SHUT_DOWN);
    ap_free(producer);
    ap_status_t status = (ap_status_t)(intptr_t)join(thread);
    CHECK_EITHER(status, AP_ERR_UNDELIVERED, AP_ERR_INVALID_ARGUMENT); /* dropped, or freed: both are true */
    recorder_end(&recorder);
}

/* ---- Against producing threads ----------------------------------------------------------------------------------- */

enum { THREADS = 8, MOST = 100000 };

typedef struct {
    ap_producer_t *producer;
    uint64_t first;    /* the first tag of this thread */
    uint64_t accepted; /* tags first to first + accepted - 1 were accepted */
} maker_t;

static unsigned char settled[THREADS * MOST];

static void count_settled(const ap_event_t *event, void *user_data) {
    (void)user_data;
    CHECK((event->type & SETTLED) != 0);
    CHECK(event->tag < THREADS * MOST);
    settled[event->tag]++;
}

static void *produce_until_shut_down(void *argument) {
    maker_t *maker = argument;
    while (maker->accepted < MOST) {
        ap_status_t status = produce_tag(maker->producer, maker->first + maker->accepted);
        if (status == AP_ERR_SHUT_DOWN) break;
        CHECK_EITHER(status, AP_OK, AP_ERR_BUFFER_OVERFLOW);
        if (status == AP_OK) maker->accepted++;
    }
    return NULL;
}

/* Accepted before the cut: settled exactly once. Refused: never heard of. */
static void check_race(ap_producer_t *producer, int64_t timeout_ms, int round) {
    maker_t makers[THREADS];
    pthread_t threads[THREADS];
    uint64_t accepted = 0;
    memset(settled, 0, sizeof settled);
    for (uint64_t i = 0; i < THREADS; i++) {
        makers[i] = (maker_t){producer, i * MOST, 0};
        threads[i] = start(produce_until_shut_down, &makers[i]);
    }
    while (stats_of(producer).accepted < (uint64_t)round * 200) nap(0);
    ap_status_t status = ap_shutdown(producer, timeout_ms);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    for (int i = 0; i < THREADS; i++) accepted += makers[i].accepted;
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.accepted, accepted);
    CHECK_EQ(stats.delivered + stats.failed + stats.dropped, accepted);
    CHECK_STATUS(status, stats.delivered == accepted ? AP_OK : AP_ERR_UNDELIVERED);
    ap_free(producer); /* the rest of the events is reported here, and none after */
    for (uint64_t i = 0; i < THREADS; i++) {
        for (uint64_t j = 0; j < MOST; j++) CHECK_EQ(settled[i * MOST + j], j < makers[i].accepted);
    }
}

static void r42_it_races_producing_and_delivers(void) {
    for (int round = 0; round < 8; round++) {
        check_race(producer_calling(count_settled, NULL, SETTLED, MOCK, "delivery_threshold", "10", NULL),
                   scaled(PATIENCE_MS), round);
    }
}

static void r42_it_races_producing_and_drops(void) {
    for (int round = 0; round < 8; round++) {
        check_race(producer_calling(count_settled, NULL, SETTLED, NO_BROKER, "delivery_threshold", "10",
                                    "max_queue_size", "5000", NULL),
                   0, round);
    }
}

int main(void) {
    watchdog(180);
    RUN(it_delivers_what_there_is);
    RUN(r42_it_may_come_before_anything);
    RUN(r44_no_timeout_drops_now);
    RUN(r43_the_deadline_drops_what_is_left);
    RUN(what_was_handed_over_comes_back);
    RUN(each_function_says_that_it_is_over);
    RUN(timeouts_below_minus_1_are_refused);
    RUN(a_second_call_answers_the_same);
    RUN(r42_two_threads_get_the_same_answer);
    RUN(r44_an_earlier_deadline_ends_it);
    RUN(a_later_deadline_changes_nothing);
    RUN(freeing_ends_it);
    RUN(r42_it_races_producing_and_delivers);
    RUN(r42_it_races_producing_and_drops);
    return 0;
}
