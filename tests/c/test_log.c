/* The events that tell how the client is doing: LOG, ERROR, STATS and STALLED. */
#include "check.h"

static recorder_t recorder;

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void log_lines_are_events(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_LOG, MOCK, "debug", "broker,topic,msg", NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_LOG, 5);
    for (size_t i = 0; i < 5; i++) {
        const ap_event_t *event = recorder_get(&recorder, AP_EVENT_LOG, i);
        CHECK(event->status >= 0 && event->status <= 7);
        CHECK(event->text[0] != 0);
        CHECK_AT_LEAST(event->message_count, 1);
    }
    end(producer);
}

static void no_text_has_a_password(void) {
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, AP_EVENT_ALL, NO_BROKER, "security.protocol", "sasl_plaintext", "sasl.mechanism",
                      "PLAIN", "sasl.username", "me", "sasl.password", "hunter2", "debug", "all", NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_LOG, 20);
    recorder_wait(&recorder, AP_EVENT_ERROR, 1);
    ap_free(producer);
    size_t count = recorder_count(&recorder, AP_EVENT_ALL);
    for (size_t i = 0; i < count; i++) {
        CHECK(strstr(recorder_get(&recorder, AP_EVENT_ALL, i)->text, "hunter2") == NULL);
    }
    recorder_end(&recorder);
}

static void unreachable_brokers_are_an_error(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ERROR, NO_BROKER, NULL);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_ERROR, 1);
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_ERROR, 0);
    CHECK(event->kafka_error < 0); /* librdkafka's own */
    CHECK(event->text[0] != 0);
    CHECK_EQ(event->persistence, 0);
    end(producer);
}

static void statistics_are_events(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STATS, MOCK, "statistics.interval.ms", "50", NULL);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_STATS, 3);
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_STATS, 2);
    const char *json = event->value;
    CHECK(json != NULL && event->value_len > 2);
    CHECK_EQ(json[0], '{');
    CHECK(strstr(json, "\"brokers\"") != NULL);
    CHECK(memchr(json, 0, event->value_len) == NULL);
    end(producer);
}

/* In poll mode nobody reads meanwhile: of many only the latest is kept. */
static void only_the_latest_statistics_are_kept(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STATS, MOCK, "statistics.interval.ms", "20",
                                            "event_mode", "poll", NULL);
    produce_tags(producer, 1, 1);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    nap(500); /* time for two dozen */
    CHECK_AT_MOST(stats_of(producer).unread_events, 1);
    CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 1), 1);
    end(producer);
}

static void without_statistics_interval_none_come(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STATS, MOCK, NULL);
    produce_tags(producer, 1, 1);
    finish(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_STATS), 0);
    recorder_end(&recorder);
}

static void a_stall_is_reported(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STALLED, NO_BROKER, "stall_report_interval", "1", NULL);
    produce_tags(producer, 1, 3);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_STALLED, 2); /* and again, as long as it lasts */
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_STALLED, 0);
    CHECK(event->text[0] != 0); /* the last error */
    end(producer);
}

/* Messages that wait because nobody asked for their delivery are no stall. */
static void waiting_for_a_delivery_is_no_stall(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_STALLED, MOCK, "stall_report_interval", "1", NULL);
    produce_tags(producer, 1, 3);
    nap(2500);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_STALLED), 0);
    finish(producer);
    recorder_end(&recorder);
}

int main(void) {
    watchdog(120);
    RUN(log_lines_are_events);
    RUN(no_text_has_a_password);
    RUN(unreachable_brokers_are_an_error);
    RUN(statistics_are_events);
    RUN(only_the_latest_statistics_are_kept);
    RUN(without_statistics_interval_none_come);
    RUN(a_stall_is_reported);
    RUN(waiting_for_a_delivery_is_no_stall);
    return 0;
}
