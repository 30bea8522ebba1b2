/* When a delivery starts: threshold, interval, ap_deliver(), a full buffer, shutdown; and that nothing else starts one. */
#include "check.h"

static recorder_t recorder;

/* Ends a producer whose recorder has seen all it should. */
static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

/* All count messages are in the buffer, and there they stay: looks for a while, as nothing tells that nothing comes. */
static void check_nothing_is_sent(ap_producer_t *producer, uint64_t count) {
    WAIT_UNTIL(stats_of(producer).buffer_size == count);
    for (int64_t until = now_ms() + 400; now_ms() < until; nap(10)) {
        ap_stats_t stats = stats_of(producer);
        CHECK_EQ(stats.deliveries, 0);
        CHECK_EQ(stats.in_flight, 0);
        CHECK_EQ(stats.delivered, 0);
        CHECK_EQ(stats.buffer_size, count);
    }
}

static void nothing_is_sent_by_default(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 20);
    check_nothing_is_sent(producer, 20);
    CHECK_EQ(recorder_count(&recorder, SETTLED), 0);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK); /* but at shutdown */
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 20);
    end(producer);
}

static void deliver_sends_what_waits(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    for (uint64_t round = 0; round < 3; round++) {
        produce_tags(producer, 100 * round, 50);
        CHECK_STATUS(ap_deliver(producer), AP_OK); /* covers all 50, taken into the buffer yet or not */
        recorder_wait(&recorder, AP_EVENT_DELIVERED, 50 * (round + 1));
    }
    end(producer);
}

static void deliver_covers_more_than_a_buffer_holds(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "max_buffer_size", "7", NULL);
    produce_tags(producer, 1, 500);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 500); /* 500 is no multiple of 7: the last ones are sent too */
    end(producer);
}

static void deliver_does_not_send_what_comes_later(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    CHECK_STATUS(ap_deliver(producer), AP_OK); /* nothing waits: that is done */
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 1);
    WAIT_UNTIL(stats_of(producer).buffer_size == 0);
    uint64_t deliveries = stats_of(producer).deliveries;
    produce_tags(producer, 2, 1);
    WAIT_UNTIL(stats_of(producer).buffer_size == 1);
    for (int64_t until = now_ms() + 300; now_ms() < until; nap(10)) {
        CHECK_EQ(stats_of(producer).deliveries, deliveries);
    }
    end(producer);
}

static void repeated_calls_coalesce(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 1);
    for (int i = 0; i < 10000; i++) CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 1);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).deliveries, 1); /* there was one message to send */
    end(producer);
}

/* In ruby-kafka the command took a place in the queue, and could be refused. */
static void deliver_is_never_refused_and_takes_no_place(void) {
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, SETTLED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    for (int i = 0; i < 100; i++) CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_EQ(produce_until_full(producer), 15);
    for (int i = 0; i < 1000; i++) CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_EQ(stats_of(producer).accepted, 15);
    CHECK_EQ(stats_of(producer).overflowed, 1);
    end(producer);
}

static void deliver_is_refused_after_shutdown(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_deliver(producer), AP_ERR_SHUT_DOWN);
    end(producer);
}

static void threshold_starts_a_delivery(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_threshold", "3", NULL);
    produce_tags(producer, 1, 2);
    check_nothing_is_sent(producer, 2);
    produce_tags(producer, 3, 1);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 3);
    end(producer);
}

static void threshold_starts_one_again_and_again(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_threshold", "10", NULL);
    produce_tags(producer, 1, 105);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 96); /* never as many as 10 stay behind */
    end(producer);
}

static void r64_threshold_of_1_sends_each_message(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_threshold", "1", NULL);
    for (uint64_t i = 0; i < 20; i++) {
        produce_tags(producer, i, 1);
        recorder_wait(&recorder, AP_EVENT_DELIVERED, i + 1);
    }
    end(producer);
}

static void r64_interval_starts_deliveries(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_interval", "0.2", NULL);
    for (uint64_t i = 0; i < 4; i++) {
        produce_tags(producer, i, 1);
        recorder_wait(&recorder, AP_EVENT_DELIVERED, i + 1);
    }
    end(producer);
}

/* An interval of a year is an interval all the same. */
static void r64_long_interval_starts_none(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_interval", "31536000", NULL);
    produce_tags(producer, 1, 5);
    check_nothing_is_sent(producer, 5);
    end(producer);
}

static void full_buffer_starts_a_delivery(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "max_buffer_size", "5", NULL);
    produce_tags(producer, 1, 4);
    check_nothing_is_sent(producer, 4);
    produce_tags(producer, 5, 1);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 5);
    end(producer);
}

/* 12 messages of 4000 bytes through a buffer of 10000: no more than 2 fit in, so no more than 2 stay behind. */
static void full_buffer_of_bytes_starts_a_delivery(void) {
    static char value[4000];
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "max_buffer_bytesize", "10000",
                                            "message.max.bytes", "5000", NULL);
    for (uint64_t i = 0; i < 12; i++) {
        CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, sizeof value, i), AP_OK);
    }
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 9);
    end(producer);
}

/* A message larger than the buffer must not wait for ever for room that never comes. */
static void larger_than_the_buffer_is_delivered_alone(void) {
    static char value[400000];
    char text[512];
    ap_config_t *config = config_with(MOCK, "max_buffer_bytesize", "100000", NULL);
    ap_producer_t *producer;
    ap_status_t status = ap_new(config, &producer, text, sizeof text);
    ap_config_free(config);
    if (status == AP_ERR_CONFIG) { /* the other honest answer: message.max.bytes is more than the buffer holds */
        CHECK_HAS(text, "max_buffer_bytesize");
        return;
    }
    CHECK_STATUS(status, AP_OK);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, sizeof value, i), AP_OK);
    }
    finish(producer);
}

static void events_tell_of_each_delivery(void) {
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, SETTLED | AP_EVENT_DELIVERY_STARTED | AP_EVENT_DELIVERY_FINISHED, MOCK, NULL);
    produce_tags(producer, 1, 30);
    WAIT_UNTIL(stats_of(producer).buffer_size == 30);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERY_FINISHED, 1);
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_DELIVERY_STARTED), 30);
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_DELIVERY_FINISHED), 30);
    const ap_event_t *finished = recorder_get(&recorder, AP_EVENT_DELIVERY_FINISHED, 0);
    CHECK_STATUS(finished->status, AP_OK);
    CHECK_EQ(finished->attempt, 1);
    CHECK(finished->duration_us > 0);
    CHECK_EQ(recorder_get(&recorder, AP_EVENT_ALL, 0)->type, AP_EVENT_DELIVERY_STARTED);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DELIVERED), 30);
    end(producer);
}

static int64_t processor_ms(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* A timer of a millisecond with nothing to deliver costs next to nothing, as does the longest one with something. */
static void check_idles(const char *interval, uint64_t messages) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "delivery_interval", interval, NULL);
    produce_tags(producer, 1, messages);
    if (messages == 0) CHECK_STATUS(ap_deliver(producer), AP_OK);
    nap(50);
    int64_t begin = processor_ms(), since = now_ms();
    nap(1000);
    CHECK_AT_MOST(processor_ms() - begin, (now_ms() - since) / 2); /* a loop that does not sleep takes all of it */
    ap_free(producer);
}

static void r64_timers_do_not_spin(void) {
    check_idles("0.001", 0);
    check_idles("0", 10);
    check_idles("1000000000", 10);
}

int main(void) {
    watchdog(240);
    RUN(nothing_is_sent_by_default);
    RUN(deliver_sends_what_waits);
    RUN(deliver_covers_more_than_a_buffer_holds);
    RUN(deliver_does_not_send_what_comes_later);
    RUN(repeated_calls_coalesce);
    RUN(deliver_is_never_refused_and_takes_no_place);
    RUN(deliver_is_refused_after_shutdown);
    RUN(threshold_starts_a_delivery);
    RUN(threshold_starts_one_again_and_again);
    RUN(r64_threshold_of_1_sends_each_message);
    RUN(r64_interval_starts_deliveries);
    RUN(r64_long_interval_starts_none);
    RUN(full_buffer_starts_a_delivery);
    RUN(full_buffer_of_bytes_starts_a_delivery);
    RUN(larger_than_the_buffer_is_delivered_alone);
    RUN(events_tell_of_each_delivery);
    RUN(r64_timers_do_not_spin);
    return 0;
}
