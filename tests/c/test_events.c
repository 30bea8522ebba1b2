/* What the events of the caller's side carry, which of them come, and on what thread. */
#include "check.h"

static recorder_t recorder;

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

/* Room for 15. */
static ap_producer_t *nowhere(uint32_t mask) {
    recorder_start(&recorder);
    return producer_with(&recorder, mask, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
}

/* Events of one type that may be coalesced, until they speak of this many occurrences. */
static void wait_for_sum(uint32_t type, uint64_t sum) {
    WAIT_UNTIL(recorder_sum(&recorder, type) >= sum);
    CHECK_EQ(recorder_sum(&recorder, type), sum);
}

/* A field the type does not speak of is 0, NULL or -1. */
static void check_says_nothing_of_kafka(const ap_event_t *event) {
    CHECK_EQ(event->kafka_error, 0);
    CHECK_EQ(event->partition, -1);
    CHECK_EQ(event->offset, -1);
    CHECK_EQ(event->value_len, 0);
    CHECK(event->value == NULL && event->headers == NULL);
    CHECK_EQ(event->attempt, 0);
}

static void enqueued_carries_topic_and_sizes(void) {
    ap_producer_t *producer = nowhere(AP_EVENT_ENQUEUED);
    for (uint64_t i = 1; i <= 15; i++) CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, "x", 1, i), AP_OK);
    wait_for_sum(AP_EVENT_ENQUEUED, 15);
    size_t count = recorder_count(&recorder, AP_EVENT_ENQUEUED);
    for (size_t i = 0; i < count; i++) {
        const ap_event_t *event = recorder_get(&recorder, AP_EVENT_ENQUEUED, i);
        CHECK_TEXT(event->topic, "greetings");
        CHECK_AT_MOST(event->queue_size, 10);
        CHECK_EQ(event->max_queue_size, 10);
        CHECK_AT_LEAST(event->message_count, 1);
        CHECK(event->tag >= 1 && event->tag <= 15);
        CHECK_STATUS(event->status, AP_OK);
        check_says_nothing_of_kafka(event);
    }
    CHECK_EQ(recorder_get(&recorder, AP_EVENT_ENQUEUED, count - 1)->tag, 15); /* the rest is the latest one's */
    end(producer);
}

static void overflow_carries_topic_and_sizes(void) {
    ap_producer_t *producer = nowhere(AP_EVENT_BUFFER_OVERFLOW);
    uint64_t accepted = produce_until_full(producer);
    CHECK_EQ(accepted, 15);
    for (uint64_t i = 0; i < 20; i++) {
        CHECK_STATUS(ap_produce(producer, "overflowing", NULL, 0, "x", 1, 500 + i), AP_ERR_BUFFER_OVERFLOW);
    }
    wait_for_sum(AP_EVENT_BUFFER_OVERFLOW, 21);
    CHECK_EQ(stats_of(producer).overflowed, 21);
    const ap_event_t *last =
        recorder_get(&recorder, AP_EVENT_BUFFER_OVERFLOW, recorder_count(&recorder, AP_EVENT_BUFFER_OVERFLOW) - 1);
    CHECK_TEXT(last->topic, "overflowing");
    CHECK_EQ(last->tag, 519);
    CHECK_AT_MOST(last->queue_size, 10);
    CHECK_EQ(last->max_queue_size, 10);
    CHECK_STATUS(last->status, AP_ERR_BUFFER_OVERFLOW);
    CHECK(last->text[0] != 0);
    check_says_nothing_of_kafka(last);
    end(producer);
}

/* Of the message itself these events carry no more than topic and tag, whatever it has. */
static void notices_carry_no_content(void) {
    const ap_header_t header = {"name", "content", 7};
    ap_message_t message = AP_MESSAGE_INIT;
    ap_producer_t *producer = nowhere(AP_EVENT_ENQUEUED | AP_EVENT_BUFFER_OVERFLOW);
    message.topic = "greetings";
    message.key = "key", message.key_len = 3;
    message.value = "value", message.value_len = 5;
    message.headers = &header, message.header_count = 1;
    message.partition = 2;
    for (message.tag = 1; ap_produce_message(producer, &message) == AP_OK; message.tag++) continue;
    wait_for_sum(AP_EVENT_ENQUEUED, 15);
    wait_for_sum(AP_EVENT_BUFFER_OVERFLOW, 1);
    size_t count = recorder_count(&recorder, AP_EVENT_ALL);
    for (size_t i = 0; i < count; i++) {
        const ap_event_t *event = recorder_get(&recorder, AP_EVENT_ALL, i);
        CHECK_TEXT(event->topic, "greetings");
        CHECK(event->key == NULL && event->key_len == 0);
        check_says_nothing_of_kafka(event);
    }
    end(producer);
}

/* Many threads: every call is told of, one by one or together. */
static void *produce_100(void *producer) {
    for (uint64_t i = 0; i < 100; i++) (void)produce_tag(producer, i);
    return NULL;
}

static void every_call_is_told_of(void) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    ap_producer_t *producer = nowhere(AP_EVENT_ENQUEUED | AP_EVENT_BUFFER_OVERFLOW);
    for (int i = 0; i < THREADS; i++) threads[i] = start(produce_100, producer);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    wait_for_sum(AP_EVENT_ENQUEUED, 15);
    wait_for_sum(AP_EVENT_BUFFER_OVERFLOW, THREADS * 100 - 15);
    end(producer);
}

/* A batch tells of its messages as single calls do. */
static void a_batch_is_told_of_too(void) {
    ap_message_t messages[20];
    ap_producer_t *producer = nowhere(AP_EVENT_ENQUEUED | AP_EVENT_BUFFER_OVERFLOW);
    for (uint64_t i = 0; i < 20; i++) {
        messages[i] = (ap_message_t)AP_MESSAGE_INIT;
        messages[i].topic = "greetings";
        messages[i].tag = i;
    }
    CHECK_EQ(ap_produce_batch(producer, messages, 20), 15);
    wait_for_sum(AP_EVENT_ENQUEUED, 15);
    WAIT_UNTIL(recorder_sum(&recorder, AP_EVENT_BUFFER_OVERFLOW) >= 1);
    CHECK_EQ(recorder_sum(&recorder, AP_EVENT_BUFFER_OVERFLOW), stats_of(producer).overflowed);
    end(producer);
}

static void nothing_comes_that_was_not_asked_for(void) {
    static const uint32_t masks[] = {AP_EVENT_DROPPED, AP_EVENT_ENQUEUED, AP_EVENT_ENQUEUED | AP_EVENT_DROPPED,
                                     AP_EVENT_BUFFER_OVERFLOW, AP_EVENT_DELIVERED, AP_EVENT_LOG};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        ap_producer_t *producer = nowhere(masks[i]);
        CHECK_EQ(produce_until_full(producer), 15);
        CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
        if (masks[i] & AP_EVENT_DROPPED) recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
        ap_free(producer);
        CHECK_EQ(recorder_count(&recorder, ~masks[i]), 0);
        recorder_end(&recorder);
    }
}

static void dropped_hands_back_the_content(void) {
    ap_producer_t *producer = nowhere(AP_EVENT_ALL);
    CHECK_STATUS(ap_produce(producer, "greetings", "k", 1, "v", 1, 7), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 1);
    const ap_event_t *event = recorder_find(&recorder, AP_EVENT_DROPPED, 7);
    CHECK_TEXT(event->topic, "greetings");
    CHECK_BYTES(event->key, event->key_len, "k", 1);
    CHECK_BYTES(event->value, event->value_len, "v", 1);
    CHECK_EQ(event->offset, -1);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_NO);
    end(producer);
}

/* Not on the thread that produces, frees or shuts down. */
static void the_hook_runs_on_no_thread_of_the_program(void) {
    ap_producer_t *producer = nowhere(AP_EVENT_ALL);
    CHECK_EQ(produce_until_full(producer), 15);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
    ap_free(producer);
    size_t count = recorder_count(&recorder, AP_EVENT_ALL);
    for (size_t i = 0; i < count; i++) {
        CHECK(!pthread_equal(recorder_record(&recorder, AP_EVENT_ALL, i)->thread, pthread_self()));
    }
    recorder_end(&recorder);
}

static void r50_the_hook_never_runs_after_free(void) {
    for (int i = 0; i < 20; i++) {
        ap_producer_t *producer = nowhere(AP_EVENT_ALL);
        CHECK_EQ(produce_until_full(producer), 15);
        ap_free(producer);
        size_t count = recorder_count(&recorder, AP_EVENT_ALL);
        CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), 15); /* the events that are left are reported */
        nap(5);
        CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), count);
        recorder_end(&recorder);
    }
}

/* Two producers of one configuration: one callback, each from its own thread. */
static _Atomic uint64_t dropped;

static void count_dropped(const ap_event_t *event, void *user_data) {
    CHECK(user_data == &dropped);
    CHECK_EQ(event->type, AP_EVENT_DROPPED);
    atomic_fetch_add(&dropped, 1);
}

static void producers_share_the_callback_of_a_configuration(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(ap_config_set_event_callback(config, AP_EVENT_DROPPED, count_dropped, &dropped, NULL), AP_OK);
    ap_producer_t *one = producer_from(config), *two = producer_from(config);
    ap_config_free(config);
    atomic_store(&dropped, 0);
    produce_tags(one, 1, 10);
    produce_tags(two, 1, 20);
    ap_free(one);
    CHECK_EQ(atomic_load(&dropped), 10);
    ap_free(two);
    CHECK_EQ(atomic_load(&dropped), 30);
}

int main(void) {
    watchdog(120);
    RUN(enqueued_carries_topic_and_sizes);
    RUN(overflow_carries_topic_and_sizes);
    RUN(notices_carry_no_content);
    RUN(every_call_is_told_of);
    RUN(a_batch_is_told_of_too);
    RUN(nothing_comes_that_was_not_asked_for);
    RUN(dropped_hands_back_the_content);
    RUN(the_hook_runs_on_no_thread_of_the_program);
    RUN(r50_the_hook_never_runs_after_free);
    RUN(producers_share_the_callback_of_a_configuration);
    return 0;
}
