/* ap_produce_arrays(): one topic, joined values and keys, their sizes beside them. */
#include "check.h"

static recorder_t recorder;

/* One partition, so that the order shows. */
static ap_producer_t *mock(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, MOCK, NULL);
}

/* Room for 15. */
static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

/* Three values: "one", null, empty. */
static const char VALUES[] = {'o', 'n', 'e'};
static const int32_t VALUE_SIZES[] = {3, -1, 0};
static const char KEYS[] = {'k', 'e', 'y'};
static const int32_t KEY_SIZES[] = {-1, 0, 3};

static int64_t three(ap_producer_t *producer) {
    return ap_produce_arrays(producer, "greetings", KEYS, sizeof KEYS, KEY_SIZES, VALUES, sizeof VALUES, VALUE_SIZES, 3,
                             UINT64_MAX);
}

static void parts_stand_where_their_sizes_say(void) {
    ap_producer_t *producer = mock();
    CHECK_EQ(three(producer), 3);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 3);
    const ap_event_t *first = recorder_find(&recorder, SETTLED, UINT64_MAX); /* tags count on, and over */
    const ap_event_t *second = recorder_find(&recorder, SETTLED, 0);
    const ap_event_t *third = recorder_find(&recorder, SETTLED, 1);
    CHECK_TEXT(first->topic, "greetings");
    CHECK_BYTES(first->value, first->value_len, "one", 3);
    CHECK_BYTES(first->key, first->key_len, NULL, 0);
    CHECK_BYTES(second->value, second->value_len, NULL, 0);
    CHECK_BYTES(second->key, second->key_len, "", 0);
    CHECK_BYTES(third->value, third->value_len, "", 0);
    CHECK_BYTES(third->key, third->key_len, "key", 3);
    finish(producer);
    recorder_end(&recorder);
}

static void keys_may_be_left_out(void) {
    ap_producer_t *producer = mock();
    CHECK_EQ(ap_produce_arrays(producer, "greetings", NULL, 0, NULL, VALUES, sizeof VALUES, VALUE_SIZES, 3, 1), 3);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 3);
    for (uint64_t tag = 1; tag <= 3; tag++) CHECK(recorder_find(&recorder, SETTLED, tag)->key == NULL);
    finish(producer);
    recorder_end(&recorder);
}

static void the_front_is_taken_where_there_is_not_room_for_all(void) {
    int32_t sizes[20];
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < 20; i++) sizes[i] = -1;
    CHECK_EQ(ap_produce_arrays(producer, "greetings", NULL, 0, NULL, NULL, 0, sizes, 20, 100), 15);
    CHECK_EQ(ap_produce_arrays(producer, "greetings", NULL, 0, NULL, NULL, 0, sizes + 15, 5, 115), 0);
    CHECK_EQ(stats_of(producer).accepted, 15);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
    for (uint64_t tag = 100; tag < 120; tag++) {
        CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, tag), tag < 115);
    }
    end(producer);
}

static void refused(ap_producer_t *producer, const void *keys, size_t keys_len, const int32_t *key_sizes,
                    const void *values, size_t values_len, const int32_t *value_sizes, size_t count) {
    CHECK_STATUS(ap_produce_arrays(producer, "greetings", keys, keys_len, key_sizes, values, values_len, value_sizes,
                                   count, 0),
                 AP_ERR_INVALID_ARGUMENT);
}

static void sizes_that_lie_are_refused_and_nothing_is_taken(void) {
    static const int32_t below[] = {3, -2, 0}, most[] = {INT32_MAX, INT32_MAX, INT32_MAX};
    static _Alignas(int32_t) unsigned char memory[16];
    ap_producer_t *producer = nowhere();
    refused(producer, NULL, 0, NULL, VALUES, 2, VALUE_SIZES, 3);                   /* too few bytes */
    refused(producer, NULL, 0, NULL, VALUES, 3, VALUE_SIZES + 1, 2);               /* too many */
    refused(producer, NULL, 0, NULL, VALUES, 3, below, 3);                         /* -2 is no size */
    refused(producer, NULL, 0, NULL, VALUES, 3, most, 3);                          /* far more than there is */
    refused(producer, NULL, 0, NULL, VALUES, SIZE_MAX, most, 3);                   /* a length no memory has */
    refused(producer, NULL, 0, NULL, NULL, 3, VALUE_SIZES, 3);                     /* NULL with a length */
    refused(producer, NULL, 0, NULL, VALUES, 3, NULL, 3);                          /* no sizes at all */
    refused(producer, NULL, 0, NULL, VALUES, 3, VALUE_SIZES, SIZE_MAX);            /* a count no memory has */
    refused(producer, KEYS, 3, NULL, VALUES, 3, VALUE_SIZES, 3);                   /* keys without sizes */
    refused(producer, KEYS, 2, KEY_SIZES, VALUES, 3, VALUE_SIZES, 3);              /* likewise for keys */
    refused(producer, KEYS, 3, below, VALUES, 3, VALUE_SIZES, 3);
    refused(producer, NULL, 3, KEY_SIZES, VALUES, 3, VALUE_SIZES, 3);
    refused(producer, NULL, 0, NULL, NULL, 0, (const int32_t *)(void *)(memory + 1), 1); /* not aligned */
    CHECK_STATUS(ap_produce_arrays(producer, "a b", NULL, 0, NULL, VALUES, 3, VALUE_SIZES, 3, 0),
                 AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_arrays(producer, NULL, NULL, 0, NULL, VALUES, 3, VALUE_SIZES, 3, 0),
                 AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_arrays(NULL, "greetings", NULL, 0, NULL, VALUES, 3, VALUE_SIZES, 3, 0),
                 AP_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    end(producer);
}

static void one_too_large_stops_all(void) {
    static char large[1100000];
    const int32_t sizes[] = {10, sizeof large - 10};
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_produce_arrays(producer, "greetings", NULL, 0, NULL, large, sizeof large, sizes, 2, 0),
                 AP_ERR_MESSAGE_TOO_LARGE);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

static void nothing_is_taken_of_nothing(void) {
    ap_producer_t *producer = nowhere();
    CHECK_EQ(ap_produce_arrays(producer, "greetings", NULL, 0, NULL, NULL, 0, NULL, 0, 0), 0);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(three(producer), AP_ERR_SHUT_DOWN);
    end(producer);
}

int main(void) {
    watchdog(60);
    RUN(parts_stand_where_their_sizes_say);
    RUN(keys_may_be_left_out);
    RUN(the_front_is_taken_where_there_is_not_room_for_all);
    RUN(sizes_that_lie_are_refused_and_nothing_is_taken);
    RUN(one_too_large_stops_all);
    RUN(nothing_is_taken_of_nothing);
    return 0;
}
