/* DELIVERED events: what they carry, and the order of messages in a partition. */
#include "check.h"

static recorder_t recorder;

static ap_producer_t *mock(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, MOCK, "max_queue_size", "10000", NULL);
}

static void end(ap_producer_t *producer) {
    finish(producer);
    recorder_end(&recorder);
}

static void event_carries_where_the_message_is(void) {
    const ap_header_t header = {"name", "content", 7};
    ap_producer_t *producer = mock();
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.key = "the key", message.key_len = 7;
    message.value = "hello", message.value_len = 5;
    message.headers = &header, message.header_count = 1;
    message.timestamp_ms = 1234567890123;
    message.partition = 2;
    message.tag = 42;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 1);
    const ap_event_t *event = recorder_find(&recorder, SETTLED, 42);
    CHECK_EQ(event->type, AP_EVENT_DELIVERED);
    CHECK_STATUS(event->status, AP_OK);
    CHECK_EQ(event->kafka_error, 0);
    CHECK_TEXT(event->topic, "greetings");
    CHECK_EQ(event->partition, 2);
    CHECK_EQ(event->offset, 0);
    CHECK_EQ(event->timestamp_ms, 1234567890123);
    CHECK_EQ(event->attempt, 1);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_YES);
    CHECK(event->duration_us > 0);
    CHECK_BYTES(event->key, event->key_len, "the key", 7);
    CHECK_BYTES(event->value, event->value_len, "hello", 5);
    CHECK_EQ(event->header_count, 1);
    end(producer);
}

static void keys_of_nothing_come_back(void) {
    ap_producer_t *producer = mock();
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, "x", 1, 1), AP_OK);
    CHECK_STATUS(ap_produce(producer, "greetings", "", 0, NULL, 0, 2), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 2);
    const ap_event_t *none = recorder_find(&recorder, AP_EVENT_DELIVERED, 1);
    const ap_event_t *empty = recorder_find(&recorder, AP_EVENT_DELIVERED, 2);
    CHECK_BYTES(none->key, none->key_len, NULL, 0);
    CHECK_BYTES(empty->key, empty->key_len, "", 0);
    end(producer);
}

static ap_status_t produce_to(ap_producer_t *producer, int32_t partition, uint64_t tag) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.value = "hello", message.value_len = 5;
    message.partition = partition;
    message.tag = tag;
    return ap_produce_message(producer, &message);
}

static void a_partition_keeps_the_order(void) {
    enum { COUNT = 2000 };
    static int64_t offsets[COUNT];
    ap_producer_t *producer = mock();
    for (uint64_t i = 0; i < COUNT; i++) CHECK_STATUS(produce_to(producer, 1, i), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, COUNT);
    CHECK_EQ(recorder_count(&recorder, SETTLED), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const ap_event_t *event = &recorder.records[i]->event; /* nothing more comes: no lock is needed */
        CHECK_EQ(event->partition, 1);
        offsets[event->tag] = event->offset;
    }
    for (int i = 0; i < COUNT; i++) CHECK_EQ(offsets[i], i);
    end(producer);
}

enum { THREADS = 8, EACH = 300 };

static ap_producer_t *shared;

/* Tags of a thread: its number, then a count. */
static void *produce_in_order(void *number) {
    uint64_t first = (uint64_t)(uintptr_t)number * EACH;
    for (uint64_t i = 0; i < EACH; i++) CHECK_STATUS(produce_to(shared, 0, first + i), AP_OK);
    return NULL;
}

static void a_partition_keeps_the_order_of_each_thread(void) {
    static int64_t offsets[THREADS * EACH];
    pthread_t threads[THREADS];
    shared = mock();
    for (uintptr_t i = 0; i < THREADS; i++) threads[i] = start(produce_in_order, (void *)i);
    for (int i = 0; i < 20; i++) CHECK_STATUS(ap_deliver(shared), AP_OK); /* in many pieces */
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    CHECK_STATUS(ap_flush(shared, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, THREADS * EACH);
    for (size_t i = 0; i < THREADS * EACH; i++) {
        const ap_event_t *event = &recorder.records[i]->event;
        offsets[event->tag] = event->offset;
    }
    for (int i = 1; i < THREADS * EACH; i++) {
        if (i % EACH != 0) CHECK_AT_LEAST(offsets[i], offsets[i - 1] + 1);
    }
    end(shared);
}

/* The time of the call is the time of the message, however late it is sent. */
static void timestamp_is_of_the_call(void) {
    struct timespec before, after;
    ap_producer_t *producer = mock();
    clock_gettime(CLOCK_REALTIME, &before);
    produce_tags(producer, 1, 1);
    clock_gettime(CLOCK_REALTIME, &after);
    nap(100);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 1);
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_DELIVERED, 0);
    CHECK_AT_LEAST(event->timestamp_ms, before.tv_sec * 1000 + before.tv_nsec / 1000000);
    CHECK_AT_MOST(event->timestamp_ms, after.tv_sec * 1000 + after.tv_nsec / 1000000);
    CHECK_AT_LEAST(event->duration_us, 100000); /* since the call to produce */
    end(producer);
}

static void many_topics_are_served(void) {
    enum { TOPICS = 20 };
    ap_producer_t *producer = mock();
    for (uint64_t i = 0; i < TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "topic-%" PRIu64, i);
        CHECK_STATUS(ap_produce(producer, topic, NULL, 0, "x", 1, i), AP_OK);
    }
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, TOPICS);
    for (uint64_t i = 0; i < TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "topic-%" PRIu64, i);
        CHECK_TEXT(recorder_find(&recorder, AP_EVENT_DELIVERED, i)->topic, topic);
    }
    end(producer);
}

int main(void) {
    watchdog(120);
    RUN(event_carries_where_the_message_is);
    RUN(keys_of_nothing_come_back);
    RUN(a_partition_keeps_the_order);
    RUN(a_partition_keeps_the_order_of_each_thread);
    RUN(timestamp_is_of_the_call);
    RUN(many_topics_are_served);
    return 0;
}
