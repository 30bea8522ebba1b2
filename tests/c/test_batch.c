/* ap_produce_batch(): all are checked first, then as many are taken as there is room for. */
#include "check.h"

enum { COUNT = 20 };

static recorder_t recorder;
static ap_message_t messages[COUNT];

static void fill(void) {
    for (uint64_t i = 0; i < COUNT; i++) {
        messages[i] = (ap_message_t)AP_MESSAGE_INIT;
        messages[i].topic = "greetings";
        messages[i].value = "hello";
        messages[i].value_len = 5;
        messages[i].tag = i;
        messages[i].partition = 0; /* one partition, so that the order shows */
    }
}

/* Room for 15. */
static ap_producer_t *nowhere(void) {
    fill();
    recorder_start(&recorder);
    return producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void all_are_taken_where_there_is_room(void) {
    fill();
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    CHECK_EQ(ap_produce_batch(producer, messages, COUNT), COUNT);
    CHECK_EQ(stats_of(producer).accepted, COUNT);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, COUNT);
    for (uint64_t i = 1; i < COUNT; i++) { /* in order */
        CHECK_AT_LEAST(recorder_find(&recorder, AP_EVENT_DELIVERED, i)->offset,
                       recorder_find(&recorder, AP_EVENT_DELIVERED, i - 1)->offset + 1);
    }
    finish(producer);
    recorder_end(&recorder);
}

static void the_front_is_taken_where_there_is_not(void) {
    ap_producer_t *producer = nowhere();
    CHECK_EQ(ap_produce_batch(producer, messages, COUNT), 15);
    CHECK_EQ(ap_produce_batch(producer, messages, COUNT), 0); /* none is no error */
    CHECK_EQ(stats_of(producer).accepted, 15);
    CHECK_AT_LEAST(stats_of(producer).overflowed, 2);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
    for (uint64_t i = 0; i < COUNT; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, i), i < 15);
    end(producer);
}

static void nothing_is_taken_of_no_messages(void) {
    ap_producer_t *producer = nowhere();
    CHECK_EQ(ap_produce_batch(producer, NULL, 0), 0);
    CHECK_EQ(ap_produce_batch(producer, messages, 0), 0);
    CHECK_STATUS(ap_produce_batch(producer, NULL, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_batch(NULL, messages, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_batch(NULL, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    end(producer);
}

/* Also where the wrong one lies beyond the room there is. */
static void one_wrong_message_stops_all(void) {
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < COUNT; i++) {
        fill();
        messages[i].topic = "a b";
        CHECK_STATUS(ap_produce_batch(producer, messages, COUNT), AP_ERR_INVALID_ARGUMENT);
        fill();
        messages[i].value_len = SIZE_MAX;
        CHECK_STATUS(ap_produce_batch(producer, messages, COUNT), AP_ERR_INVALID_ARGUMENT);
        fill();
        messages[i].partition = -2;
        CHECK_STATUS(ap_produce_batch(producer, messages, COUNT), AP_ERR_INVALID_ARGUMENT);
        fill();
        messages[i].value_len = INT32_MAX; /* never read: it is too large before */
        CHECK_STATUS(ap_produce_batch(producer, messages, COUNT), AP_ERR_MESSAGE_TOO_LARGE);
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    end(producer);
}

static void sizes_must_agree(void) {
    ap_producer_t *producer = nowhere();
    messages[1].struct_size = 0;
    CHECK_STATUS(ap_produce_batch(producer, messages, 2), AP_ERR_INVALID_ARGUMENT);
    messages[1].struct_size = sizeof(ap_message_t) + 8;
    CHECK_STATUS(ap_produce_batch(producer, messages, 2), AP_ERR_INVALID_ARGUMENT);
    messages[0].struct_size = sizeof(ap_message_t) - 8;
    CHECK_STATUS(ap_produce_batch(producer, messages, 2), AP_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

/* A program of a later version: its larger structs lie further apart. */
static void larger_structs_are_stepped_over(void) {
    struct {
        ap_message_t message;
        uint64_t later[3];
    } larger[3];
    ap_producer_t *producer = nowhere();
    memset(larger, 0, sizeof larger);
    for (uint64_t i = 0; i < 3; i++) {
        larger[i].message = messages[i];
        larger[i].message.struct_size = sizeof larger[0];
        larger[i].message.tag = 70 + i;
    }
    CHECK_EQ(ap_produce_batch(producer, &larger[0].message, 3), 3);
    larger[2].later[2] = 1; /* something this version does not know */
    CHECK_STATUS(ap_produce_batch(producer, &larger[0].message, 3), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 3);
    for (uint64_t i = 0; i < 3; i++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, 70 + i), 1);
    end(producer);
}

static void nothing_is_taken_after_shutdown(void) {
    ap_producer_t *producer = nowhere();
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_produce_batch(producer, messages, COUNT), AP_ERR_SHUT_DOWN);
    end(producer);
}

/* A count that no memory can hold must not wrap around to a small one: the second message is wrong already. */
static void absurd_count_is_refused(void) {
    ap_producer_t *producer = nowhere();
    messages[1].topic = NULL;
    CHECK_STATUS(ap_produce_batch(producer, messages, SIZE_MAX), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_batch(producer, messages, SIZE_MAX / sizeof(ap_message_t) + 2), AP_ERR_INVALID_ARGUMENT);
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

int main(void) {
    watchdog(60);
    RUN(all_are_taken_where_there_is_room);
    RUN(the_front_is_taken_where_there_is_not);
    RUN(nothing_is_taken_of_no_messages);
    RUN(one_wrong_message_stops_all);
    RUN(sizes_must_agree);
    RUN(larger_structs_are_stepped_over);
    RUN(nothing_is_taken_after_shutdown);
    RUN(absurd_count_is_refused);
    return 0;
}
