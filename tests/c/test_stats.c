/* ap_stats(): every counter, and the size of the struct. */
#include "check.h"

static void a_new_producer_counts_nothing(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5",
                                               "max_pending_bytes", "1000000", NULL);
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.struct_size, sizeof(ap_stats_t));
    CHECK_EQ(stats.max_queue_size, 10);
    CHECK_EQ(stats.max_buffer_size, 5);
    CHECK_EQ(stats.max_pending_bytes, 1000000);
    CHECK_EQ(stats.accepted + stats.delivered + stats.failed + stats.unknown + stats.dropped + stats.overflowed, 0);
    CHECK_EQ(stats.retried + stats.queue_size + stats.buffer_size + stats.in_flight + stats.pending_bytes, 0);
    CHECK_EQ(stats.deliveries + stats.last_delivery_us + stats.unread_events + stats.client_resets, 0);
    ap_free(producer);
}

static void initializer_is_a_struct_of_nothing(void) {
    static const ap_stats_t zero;
    ap_stats_t stats = AP_STATS_INIT;
    CHECK_EQ(stats.struct_size, sizeof(ap_stats_t));
    CHECK_EQ(memcmp((char *)&stats + sizeof stats.struct_size, (const char *)&zero + sizeof stats.struct_size,
                    sizeof stats - sizeof stats.struct_size),
             0);
}

static void null_arguments_are_refused(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    ap_stats_t stats = AP_STATS_INIT;
    CHECK_STATUS(ap_stats(producer, NULL), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_stats(NULL, &stats), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_stats(NULL, NULL), AP_ERR_INVALID_ARGUMENT);
    ap_free(producer);
}

static void r39_smaller_struct_is_refused(void) {
    static const size_t sizes[] = {0, 1, 8, sizeof(ap_stats_t) - 8, sizeof(ap_stats_t) - 1};
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ap_stats_t stats, untouched;
        memset(&stats, 0x55, sizeof stats);
        stats.struct_size = sizes[i];
        untouched = stats;
        CHECK_STATUS(ap_stats(producer, &stats), AP_ERR_INVALID_ARGUMENT);
        CHECK_EQ(memcmp(&stats, &untouched, sizeof stats), 0);
    }
    ap_free(producer);
}

/* A later program learns from struct_size which fields this library knows; the rest of its struct is left alone. */
static void r39_larger_struct_gets_what_is_known(void) {
    struct {
        ap_stats_t stats;
        uint64_t later[4];
    } larger;
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    memset(&larger, 0x55, sizeof larger);
    larger.stats.struct_size = sizeof larger;
    CHECK_STATUS(ap_stats(producer, &larger.stats), AP_OK);
    CHECK_EQ(larger.stats.struct_size, sizeof(ap_stats_t));
    CHECK_EQ(larger.stats.accepted, 0);
    CHECK_EQ(larger.stats.max_queue_size, 1000);
    for (int i = 0; i < 4; i++) CHECK(larger.later[i] == 0x5555555555555555);
    ap_free(producer);
}

static void sizes_add_up_while_nothing_moves(void) {
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
    CHECK_EQ(produce_until_full(producer), 15);
    WAIT_UNTIL(stats_of(producer).deliveries == 1); /* the full buffer started one, which gets nowhere */
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.accepted, 15);
    CHECK_EQ(stats.overflowed, 1);
    CHECK_EQ(stats.queue_size, 10);
    CHECK_EQ(stats.buffer_size, 5);
    CHECK_AT_LEAST(stats.pending_bytes, 15 * (strlen("greetings") + strlen("hello")));
    check_balance(producer);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    stats = stats_of(producer);
    CHECK_EQ(stats.dropped, 15);
    CHECK_EQ(stats.queue_size + stats.buffer_size + stats.in_flight + stats.pending_bytes, 0);
    ap_free(producer);
}

static void delivery_is_counted_and_timed(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.accepted, 10);
    CHECK_EQ(stats.delivered, 10);
    CHECK_AT_LEAST(stats.deliveries, 1);
    WAIT_UNTIL(stats_of(producer).last_delivery_us > 0);
    CHECK_EQ(stats.failed + stats.unknown + stats.dropped + stats.overflowed + stats.retried, 0);
    CHECK_EQ(stats.queue_size + stats.buffer_size + stats.in_flight, 0);
    CHECK_EQ(stats.client_resets, 0);
    check_balance(producer);
    finish(producer);
}

/* The memory of large messages is counted in full, and given back. */
static void pending_bytes_follow_the_messages(void) {
    static char value[100000];
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_STATUS(ap_produce(producer, "greetings", "key", 3, value, sizeof value, 0), AP_OK);
        CHECK_AT_LEAST(stats_of(producer).pending_bytes, (uint64_t)(i + 1) * sizeof value);
        CHECK_AT_MOST(stats_of(producer).pending_bytes, (uint64_t)(i + 1) * (sizeof value + 2000));
    }
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
    finish(producer);
}

static void unread_events_are_counted(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "event_mode", "poll", NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).unread_events, 10);
    CHECK_EQ(ap_poll(producer, 0, 4), 4);
    CHECK_EQ(stats_of(producer).unread_events, 6);
    CHECK_EQ(ap_poll(producer, 0, 100), 6);
    CHECK_EQ(stats_of(producer).unread_events, 0);
    check_balance(producer);
    finish(producer);
    recorder_end(&recorder);
}

static void counters_stay_after_shutdown(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    produce_tags(producer, 1, 3);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_EQ(stats_of(producer).accepted, 3);
    CHECK_EQ(stats_of(producer).dropped, 3);
    ap_free(producer);
}

int main(void) {
    watchdog(60);
    RUN(a_new_producer_counts_nothing);
    RUN(initializer_is_a_struct_of_nothing);
    RUN(null_arguments_are_refused);
    RUN(r39_smaller_struct_is_refused);
    RUN(r39_larger_struct_gets_what_is_known);
    RUN(sizes_add_up_while_nothing_moves);
    RUN(delivery_is_counted_and_timed);
    RUN(pending_bytes_follow_the_messages);
    RUN(unread_events_are_counted);
    RUN(counters_stay_after_shutdown);
    return 0;
}
