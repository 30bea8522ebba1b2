/* ap_produce(): what it refuses, and that what it accepts comes back as it was given. */
#include "check.h"

#define LETTERS_50 "abcdefghijklmnopqrstuvwxyabcdefghijklmnopqrstuvwxy"
#define LETTERS_249 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 "abcdefghijklmnopqrstuvwxyabcdefghijklmnopqrstuvwx"

static recorder_t recorder;

static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, NULL);
}

/* Ends a producer that delivers nothing, when all that it accepted has come back. */
static void end(ap_producer_t *producer) {
    uint64_t accepted = stats_of(producer).accepted;
    CHECK_STATUS(ap_shutdown(producer, 0), accepted == 0 ? AP_OK : AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, accepted);
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), accepted);
    recorder_end(&recorder);
}

static void r37_illegal_topics_are_refused(void) {
    static const char *const topics[] = {
        NULL, "", ".", "..", "a b", "a/b", "a\nb", "a\\b", "a:b", "a,b", "\xc3\xa4", "\xff", "a*", " a", LETTERS_249 "y",
    };
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        CHECK_STATUS(ap_produce(producer, topics[i], NULL, 0, "x", 1, i), AP_ERR_INVALID_ARGUMENT);
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    end(producer);
}

static void legal_topics_are_accepted(void) {
    static const char *const topics[] = {"a", "A.b_c-D9", "...", "-", "_", "0", "a.", ".a", LETTERS_249};
    enum { COUNT = sizeof topics / sizeof topics[0] };
    ap_producer_t *producer = nowhere();
    CHECK_EQ(strlen(LETTERS_249), 249);
    for (uint64_t i = 0; i < COUNT; i++) CHECK_STATUS(ap_produce(producer, topics[i], NULL, 0, "x", 1, i), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        CHECK_TEXT(recorder_find(&recorder, AP_EVENT_DROPPED, i)->topic, topics[i]);
    }
    end(producer);
}

static void r36_null_with_a_length_is_refused(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 1, "x", 1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, NULL, 1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, SIZE_MAX, NULL, SIZE_MAX, 1), AP_ERR_INVALID_ARGUMENT);
    end(producer);
}

/* The lengths are checked before a byte is read: there is one byte only. */
static void r36_lengths_over_2_gib_are_refused(void) {
    static const size_t lengths[] = {(size_t)INT32_MAX + 1, UINT32_MAX, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX - 1,
                                     SIZE_MAX};
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        CHECK_STATUS(ap_produce(producer, "greetings", "k", lengths[i], "x", 1, 1), AP_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(ap_produce(producer, "greetings", "k", 1, "x", lengths[i], 1), AP_ERR_INVALID_ARGUMENT);
    }
    CHECK_STATUS(ap_produce(producer, "greetings", "k", 1, "x", INT32_MAX, 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_STATUS(ap_produce(producer, "greetings", "k", INT32_MAX, "x", INT32_MAX, 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

static void too_large_a_message_is_refused(void) {
    static char value[20001];
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, AP_EVENT_DROPPED | AP_EVENT_BUFFER_OVERFLOW, NO_BROKER, "message.max.bytes", "20000", NULL);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, 20001, 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_STATUS(ap_produce(producer, "greetings", value, 20001, NULL, 0, 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_STATUS(ap_produce(producer, "greetings", value, 10001, value, 10001, 1), AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).overflowed, 0); /* it is no matter of room */
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, 15000, 1), AP_OK);
    end(producer);
}

/* What the library accepts as small enough must be so for librdkafka too: the largest that passes is delivered. */
static void the_largest_accepted_message_is_delivered(void) {
    static char value[2000];
    ap_producer_t *producer;
    size_t size = sizeof value;
    recorder_start(&recorder);
    producer = producer_with(&recorder, SETTLED, MOCK, "message.max.bytes", "1000", NULL);
    while (ap_produce(producer, "greetings", "key", 3, value, size, size) == AP_ERR_MESSAGE_TOO_LARGE) size--;
    CHECK_AT_LEAST(size, 500);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    finish(producer);
    CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DELIVERED, size), 1);
    recorder_end(&recorder);
}

static void content_comes_back_as_it_was_given(void) {
    static const char key[] = "k\0\xff\n", value[] = "\0\x80 not text \xfe\0";
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_produce(producer, "greetings", key, sizeof key, value, sizeof value, UINT64_MAX), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 1);
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_DROPPED, 0);
    CHECK_TEXT(event->topic, "greetings");
    CHECK_BYTES(event->key, event->key_len, key, sizeof key);
    CHECK_BYTES(event->value, event->value_len, value, sizeof value);
    CHECK_EQ(event->header_count, 0);
    CHECK(event->tag == UINT64_MAX);
    CHECK_EQ(event->persistence, AP_PERSISTENCE_NO);
    CHECK(event->status != AP_OK);
    end(producer);
}

/* A tombstone and an empty value are two things, and so are no key and an empty one. */
static void r36_null_and_empty_stay_apart(void) {
    ap_producer_t *producer = nowhere();
    const ap_event_t *event;
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, NULL, 0, 1), AP_OK);
    CHECK_STATUS(ap_produce(producer, "greetings", "", 0, "", 0, 2), AP_OK);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, "", 0, 3), AP_OK);
    CHECK_STATUS(ap_produce(producer, "greetings", "", 0, NULL, 0, 4), AP_OK);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 4);
    event = recorder_find(&recorder, AP_EVENT_DROPPED, 1);
    CHECK_BYTES(event->key, event->key_len, NULL, 0);
    CHECK_BYTES(event->value, event->value_len, NULL, 0);
    event = recorder_find(&recorder, AP_EVENT_DROPPED, 2);
    CHECK_BYTES(event->key, event->key_len, "", 0);
    CHECK_BYTES(event->value, event->value_len, "", 0);
    event = recorder_find(&recorder, AP_EVENT_DROPPED, 3);
    CHECK_BYTES(event->key, event->key_len, NULL, 0);
    CHECK_BYTES(event->value, event->value_len, "", 0);
    event = recorder_find(&recorder, AP_EVENT_DROPPED, 4);
    CHECK_BYTES(event->key, event->key_len, "", 0);
    CHECK_BYTES(event->value, event->value_len, NULL, 0);
    end(producer);
}

/* The caller's buffers are the caller's again when the call returns. */
static void everything_is_copied(void) {
    ap_producer_t *producer = nowhere();
    char topic[] = "greetings", key[] = "key", value[] = "value";
    CHECK_STATUS(ap_produce(producer, topic, key, 3, value, 5, 1), AP_OK);
    memset(topic, '/', sizeof topic);
    memset(key, '/', sizeof key);
    memset(value, '/', sizeof value);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 1);
    const ap_event_t *event = recorder_get(&recorder, AP_EVENT_DROPPED, 0);
    CHECK_TEXT(event->topic, "greetings");
    CHECK_BYTES(event->key, event->key_len, "key", 3);
    CHECK_BYTES(event->value, event->value_len, "value", 5);
    end(producer);
}

static void nothing_is_taken_after_shutdown(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_SHUT_DOWN);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

/* A bad argument is a bad argument, also where there is no room; it does not count as an overflow. */
static void bad_arguments_are_told_first(void) {
    ap_producer_t *producer;
    recorder_start(&recorder);
    producer = producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, "max_queue_size", "1", "max_buffer_size", "1", NULL);
    CHECK_EQ(produce_until_full(producer), 2);
    CHECK_STATUS(ap_produce(producer, "a b", NULL, 0, "x", 1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 7, "x", 1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stats_of(producer).overflowed, 1);
    end(producer);
}

static void without_a_callback_all_is_silent(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 100);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 100);
    finish(producer);
}

int main(void) {
    watchdog(120);
    RUN(r37_illegal_topics_are_refused);
    RUN(legal_topics_are_accepted);
    RUN(r36_null_with_a_length_is_refused);
    RUN(r36_lengths_over_2_gib_are_refused);
    RUN(too_large_a_message_is_refused);
    RUN(the_largest_accepted_message_is_delivered);
    RUN(content_comes_back_as_it_was_given);
    RUN(r36_null_and_empty_stay_apart);
    RUN(everything_is_copied);
    RUN(nothing_is_taken_after_shutdown);
    RUN(bad_arguments_are_told_first);
    RUN(without_a_callback_all_is_silent);
    return 0;
}
