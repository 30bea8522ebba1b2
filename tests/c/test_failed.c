/* FAILED and RETRY: messages that Kafka refuses for good, whose retries are used up, or whose fate is unknown. */
#include "check.h"

static recorder_t recorder;

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static ap_message_t message_to(int32_t partition, uint64_t tag) {
    static const ap_header_t header = {"name", "content", 7};
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.key = "key", message.key_len = 3;
    message.value = "value", message.value_len = 5;
    message.headers = &header, message.header_count = 1;
    message.partition = partition;
    message.tag = tag;
    return message;
}

static void check_whole(const ap_event_t *event) {
    CHECK_TEXT(event->topic, "greetings");
    CHECK_BYTES(event->key, event->key_len, "key", 3);
    CHECK_BYTES(event->value, event->value_len, "value", 5);
    CHECK_EQ(event->header_count, 1);
    CHECK_TEXT(event->headers[0].name, "name");
    CHECK_BYTES(event->headers[0].value, event->headers[0].value_len, "content", 7);
}

/* A partition the topic does not have: no attempt can help. Its neighbours are delivered. */
static void a_partition_that_is_not_there_fails(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ALL, MOCK, "max_retries", "0", NULL);
    ap_message_t good = message_to(0, 1), bad = message_to(INT32_MAX, 2), other = message_to(0, 3);
    CHECK_STATUS(ap_produce_message(producer, &good), AP_OK);
    CHECK_STATUS(ap_produce_message(producer, &bad), AP_OK);
    CHECK_STATUS(ap_produce_message(producer, &other), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, SETTLED, 3);
    const ap_event_t *event = recorder_find(&recorder, SETTLED, 2);
    CHECK_EQ(event->type, AP_EVENT_FAILED);
    CHECK_STATUS(event->status, AP_ERR_UNDELIVERED);
    CHECK(event->kafka_error != 0);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_NO);
    CHECK_EQ(event->offset, -1);
    CHECK(event->text[0] != 0);
    check_whole(event);
    CHECK_EQ(recorder_find(&recorder, SETTLED, 1)->type, AP_EVENT_DELIVERED);
    CHECK_EQ(recorder_find(&recorder, SETTLED, 3)->type, AP_EVENT_DELIVERED);
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.delivered, 2);
    CHECK_EQ(stats.failed, 1);
    CHECK_EQ(stats.unknown, 0);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK); /* all was reported before the call */
    end(producer);
}

static void a_delivery_with_a_failure_says_so(void) {
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, SETTLED | AP_EVENT_DELIVERY_FINISHED, MOCK, "max_retries", "0", NULL);
    ap_message_t bad = message_to(1000, 1);
    CHECK_STATUS(ap_produce_message(producer, &bad), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DELIVERY_FINISHED, 1);
    CHECK_STATUS(recorder_get(&recorder, AP_EVENT_DELIVERY_FINISHED, 0)->status, AP_ERR_UNDELIVERED);
    end(producer);
}

/* No broker answers: each time that a request may take is one attempt, and two more are made. */
static void check_retries_are_used_up(const char *timeout) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ALL, NO_BROKER, "max_retries", "2", timeout, "300", NULL);
    ap_message_t message = message_to(AP_PARTITION_ANY, 7);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_FAILED, 1);
    const ap_event_t *event = recorder_find(&recorder, SETTLED, 7);
    CHECK_EQ(event->type, AP_EVENT_FAILED);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_NO); /* it was never sent */
    CHECK_EQ(event->attempt, 3);
    CHECK(event->kafka_error != 0);
    check_whole(event);
    CHECK_AT_MOST(stats_of(producer).retried, 2); /* handed over again, where it was handed over at all */
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_RETRY), 2);
    CHECK_AT_LEAST(recorder_get(&recorder, AP_EVENT_RETRY, 0)->attempt, 1);
    end(producer);
}

static void used_up_retries_fail(void) {
    check_retries_are_used_up("request.timeout.ms");
}

/* Where librdkafka has a deadline of its own, its giving up is a failed attempt like any other. */
static void used_up_retries_fail_where_librdkafka_gives_up(void) {
    check_retries_are_used_up("message.timeout.ms");
}

static bool statistics_say(const char *part) {
    bool found = false;
    pthread_mutex_lock(&recorder.mutex);
    for (size_t i = 0; i < recorder.count && !found; i++) {
        const ap_event_t *event = &recorder.records[i]->event;
        found = event->type == AP_EVENT_STATS && strstr(event->value, part) != NULL;
    }
    pthread_mutex_unlock(&recorder.mutex);
    return found;
}

/* The broker takes its time with each answer. When the message is on the wire, the producer is told to drop all. */
static void sent_and_not_answered_is_unknown(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ALL, MOCK, "test.mock.broker.rtt", "2000",
                                            "statistics.interval.ms", "50", NULL);
    ap_message_t message = message_to(0, 7);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(statistics_say("\"msgs_inflight\": 1"));
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, SETTLED, 1);
    const ap_event_t *event = recorder_find(&recorder, SETTLED, 7);
    CHECK_EQ(event->type, AP_EVENT_FAILED);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_POSSIBLY);
    CHECK_STATUS(event->status, AP_ERR_UNDELIVERED);
    check_whole(event);
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.failed, 1);
    CHECK_EQ(stats.unknown, 1);
    CHECK_EQ(stats.dropped, 0);
    end(producer);
}

/* With max_retries=-1 nothing is given up, however long nobody answers. */
static void nothing_is_given_up_by_time(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_flush(producer, 2000), AP_ERR_TIMED_OUT);
    CHECK_EQ(recorder_count(&recorder, SETTLED), 0);
    CHECK_EQ(stats_of(producer).buffer_size, 5);
    end(producer);
}

int main(void) {
    watchdog(120);
    RUN(a_partition_that_is_not_there_fails);
    RUN(a_delivery_with_a_failure_says_so);
    RUN(used_up_retries_fail);
    RUN(used_up_retries_fail_where_librdkafka_gives_up);
    RUN(sent_and_not_answered_is_unknown);
    RUN(nothing_is_given_up_by_time);
    return 0;
}
