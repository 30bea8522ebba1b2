/* ap_clear(): drops what has not been handed to Kafka, each with its event, and nothing else. */
#include "check.h"

static recorder_t recorder;

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void nothing_to_clear_is_0(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, NULL);
    CHECK_EQ(ap_clear(producer), 0);
    CHECK_EQ(ap_clear(producer), 0);
    end(producer);
}

/* Taken into the buffer or not, every message comes back. */
static void each_message_is_handed_back(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    for (uint64_t round = 0; round < 20; round++) {
        produce_tags(producer, 100 * round, 30);
        CHECK_EQ(ap_clear(producer), 30);
        recorder_wait(&recorder, AP_EVENT_DROPPED, 30 * (round + 1));
        for (uint64_t i = 0; i < 30; i++) {
            const ap_event_t *event = recorder_find(&recorder, SETTLED, 100 * round + i);
            CHECK_EQ(event->type, AP_EVENT_DROPPED);
            CHECK_TEXT(event->topic, "greetings");
            CHECK_BYTES(event->value, event->value_len, "hello", 5);
            CHECK_EQ(event->persistence, AP_PERSISTENCE_NO);
        }
    }
    CHECK_EQ(stats_of(producer).dropped, 600);
    WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    check_balance(producer);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK); /* all of them were reported before */
    end(producer);
}

/* A full buffer is on its way to a broker that is slow to answer; the queue behind it is not. */
static void messages_on_their_way_are_left_alone(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "test.mock.broker.rtt", "700", "max_queue_size",
                                            "10", "max_buffer_size", "5", NULL);
    CHECK_EQ(produce_until_full(producer), 15);
    WAIT_UNTIL(stats_of(producer).in_flight > 0);
    uint64_t in_flight = stats_of(producer).in_flight; /* all 5, but those for another partition may come later */
    int64_t cleared = ap_clear(producer);
    CHECK(cleared >= 10 && cleared <= 15 - (int64_t)in_flight);
    recorder_wait(&recorder, AP_EVENT_DROPPED, (size_t)cleared);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK); /* the others are settled as usual */
    recorder_wait(&recorder, SETTLED, 15);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), cleared);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DELIVERED), 15 - cleared);
    for (uint64_t i = 0; i < 15; i++) CHECK_EQ(recorder_tagged(&recorder, SETTLED, i), 1);
    end(producer);
}

/* Without a broker nothing has been handed to Kafka, whatever was asked for. */
static void clearing_makes_room(void) {
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, SETTLED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    CHECK_EQ(produce_until_full(producer), 15);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_EQ(ap_clear(producer), 15);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
    WAIT_UNTIL(stats_of(producer).pending_bytes == 0); /* the last event has been read when its hook has returned */
    CHECK_EQ(produce_until_full(producer), 15);
    end(producer);
}

/* Where no event holds them, the places are free when the call returns. */
static void room_is_there_when_it_returns(void) {
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    for (int round = 0; round < 50; round++) {
        CHECK_EQ(produce_until_full(producer), 15);
        CHECK_EQ(ap_clear(producer), 15);
        CHECK_EQ(stats_of(producer).pending_bytes, 0);
    }
    ap_free(producer);
}

/* In poll mode the events can be read when the call returns. */
static void events_are_there_when_it_returns(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", NULL);
    for (uint64_t round = 0; round < 50; round++) {
        produce_tags(producer, 10 * round, 10);
        CHECK_EQ(ap_clear(producer), 10);
        CHECK_EQ(ap_poll(producer, 0, 100), 10);
    }
    end(producer);
}

static void later_messages_are_delivered(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 5);
    CHECK_EQ(ap_clear(producer), 5);
    produce_tags(producer, 11, 3);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, SETTLED, 8);
    for (uint64_t i = 0; i < 5; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, 1 + i), 1);
    for (uint64_t i = 0; i < 3; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DELIVERED, 11 + i), 1);
    end(producer);
}

static atomic_int running;

static void *produce_some(void *producer) {
    for (uint64_t i = 0; i < 2000; i++) CHECK_STATUS(produce_tag(producer, i), AP_OK);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* Whoever produces meanwhile: what was cleared is what was dropped, and all of it in the end. */
static void clearing_races_producing(void) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int64_t cleared = 0;
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "10000", "max_buffer_size", "10000", NULL);
    atomic_store(&running, THREADS);
    for (int i = 0; i < THREADS; i++) threads[i] = start(produce_some, producer);
    while (atomic_load(&running) > 0) {
        int64_t count = ap_clear(producer);
        CHECK_AT_LEAST(count, 0);
        cleared += count;
    }
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    cleared += ap_clear(producer);
    CHECK_EQ(cleared, THREADS * 2000);
    CHECK_EQ(stats_of(producer).dropped, THREADS * 2000);
    check_balance(producer);
    ap_free(producer);
}

static void clear_is_refused_after_shutdown(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_clear(producer), AP_ERR_SHUT_DOWN);
    end(producer);
}

int main(void) {
    watchdog(120);
    RUN(nothing_to_clear_is_0);
    RUN(each_message_is_handed_back);
    RUN(messages_on_their_way_are_left_alone);
    RUN(clearing_makes_room);
    RUN(room_is_there_when_it_returns);
    RUN(events_are_there_when_it_returns);
    RUN(later_messages_are_delivered);
    RUN(clearing_races_producing);
    RUN(clear_is_refused_after_shutdown);
    return 0;
}
