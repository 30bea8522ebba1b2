/* ap_produce_message(): every field of ap_message_t, its size, and how it comes back in a DROPPED event. */
#include "check.h"

static recorder_t recorder;

/* The struct as a later version may have it. */
typedef struct {
    ap_message_t message;
    uint64_t later[4];
} later_message_t;

static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static ap_message_t message_of(uint64_t tag) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.value = "hello";
    message.value_len = 5;
    message.tag = tag;
    return message;
}

/* Shuts down and answers the message that comes back. */
static const ap_event_t *dropped(ap_producer_t *producer, uint64_t tag) {
    ap_shutdown(producer, 0);
    recorder_wait(&recorder, AP_EVENT_DROPPED, stats_of(producer).accepted);
    return recorder_find(&recorder, AP_EVENT_DROPPED, tag);
}

static void initializer_is_a_message_of_nothing(void) {
    ap_message_t message = AP_MESSAGE_INIT;
    CHECK_EQ(message.struct_size, sizeof(ap_message_t));
    CHECK_EQ(message.partition, AP_PARTITION_ANY);
    CHECK(message.topic == NULL && message.key == NULL && message.value == NULL && message.partition_key == NULL);
    CHECK_EQ(message.key_len + message.value_len + message.partition_key_len + message.header_count, 0);
    CHECK(message.headers == NULL);
    CHECK_EQ(message.timestamp_ms, 0);
    CHECK_EQ(message.tag, 0);
}

static void null_arguments_are_refused(void) {
    ap_producer_t *producer = nowhere();
    ap_message_t message = AP_MESSAGE_INIT;
    CHECK_STATUS(ap_produce_message(producer, NULL), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_INVALID_ARGUMENT); /* no topic */
    end(producer);
}

static void whole_message_comes_back(void) {
    static const char key[] = "the\0key", value[] = "\xff\0value";
    const ap_header_t headers[] = {{"first", "one", 3}, {"", "\0\0", 2}, {"first", "again", 5}};
    ap_producer_t *producer = nowhere();
    ap_message_t message = message_of(42);
    message.key = key, message.key_len = sizeof key;
    message.value = value, message.value_len = sizeof value;
    message.partition_key = "elsewhere", message.partition_key_len = 9;
    message.headers = headers, message.header_count = 3;
    message.timestamp_ms = 1234567890123;
    message.partition = 3;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    const ap_event_t *event = dropped(producer, 42);
    CHECK_TEXT(event->topic, "greetings");
    CHECK_BYTES(event->key, event->key_len, key, sizeof key);
    CHECK_BYTES(event->value, event->value_len, value, sizeof value);
    CHECK_EQ(event->timestamp_ms, 1234567890123);
    CHECK_EQ(event->header_count, 3); /* in order, repeated names included */
    for (size_t i = 0; i < 3; i++) {
        CHECK_TEXT(event->headers[i].name, headers[i].name);
        CHECK_BYTES(event->headers[i].value, event->headers[i].value_len, headers[i].value, headers[i].value_len);
    }
    CHECK_EQ(event->offset, -1);
    end(producer);
}

static void r36_null_and_empty_stay_apart(void) {
    const ap_header_t headers[] = {{"null", NULL, 0}, {"empty", "", 0}};
    ap_producer_t *producer = nowhere();
    ap_message_t message = message_of(1);
    message.key = "", message.key_len = 0;
    message.value = NULL, message.value_len = 0;
    message.headers = headers, message.header_count = 2;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    const ap_event_t *event = dropped(producer, 1);
    CHECK_BYTES(event->key, event->key_len, "", 0);
    CHECK_BYTES(event->value, event->value_len, NULL, 0);
    CHECK_EQ(event->header_count, 2);
    CHECK_BYTES(event->headers[0].value, event->headers[0].value_len, NULL, 0);
    CHECK_BYTES(event->headers[1].value, event->headers[1].value_len, "", 0);
    end(producer);
}

static void everything_is_copied(void) {
    ap_producer_t *producer = nowhere();
    char name[] = "name", content[] = "content";
    ap_header_t header = {name, content, 7};
    ap_message_t message = message_of(1);
    message.headers = &header, message.header_count = 1;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    memset(name, '/', sizeof name - 1);
    memset(content, '/', sizeof content - 1);
    memset(&header, 0xff, sizeof header);
    memset(&message, 0xff, sizeof message);
    const ap_event_t *event = dropped(producer, 1);
    CHECK_TEXT(event->headers[0].name, "name");
    CHECK_BYTES(event->headers[0].value, event->headers[0].value_len, "content", 7);
    end(producer);
}

static void many_headers_come_back(void) {
    enum { MANY = 1000 };
    static ap_header_t headers[MANY];
    static char names[MANY][8];
    ap_producer_t *producer = nowhere();
    ap_message_t message = message_of(1);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "h%d", i);
        headers[i] = (ap_header_t){names[i], names[i], strlen(names[i])};
    }
    message.headers = headers, message.header_count = MANY;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    const ap_event_t *event = dropped(producer, 1);
    CHECK_EQ(event->header_count, MANY);
    for (int i = 0; i < MANY; i++) CHECK_TEXT(event->headers[i].name, names[i]);
    end(producer);
}

/* The timestamp is of the call to produce, not of the delivery or the end. */
static void timestamp_is_of_the_call(void) {
    ap_producer_t *producer = nowhere();
    ap_message_t message = message_of(1);
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    clock_gettime(CLOCK_REALTIME, &after);
    nap(50);
    const ap_event_t *event = dropped(producer, 1);
    CHECK_AT_LEAST(event->timestamp_ms, before.tv_sec * 1000 + before.tv_nsec / 1000000);
    CHECK_AT_MOST(event->timestamp_ms, after.tv_sec * 1000 + after.tv_nsec / 1000000);
    end(producer);
}

/* Changes one field of a good message to something that is refused. */
#define CHECK_REFUSED(change) \
    do { \
        ap_message_t message = message_of(1); \
        message.headers = &header, message.header_count = 1; \
        change; \
        CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_INVALID_ARGUMENT); \
    } while (0)

static void each_bad_field_is_refused(void) {
    const ap_header_t header = {"name", "content", 7}, nameless = {NULL, "content", 7}, hollow = {"name", NULL, 1},
                      endless = {"name", "content", (size_t)INT32_MAX + 1}, vast = {"name", "content", SIZE_MAX};
    ap_producer_t *producer = nowhere();
    CHECK_REFUSED(message.topic = NULL);
    CHECK_REFUSED(message.topic = "");
    CHECK_REFUSED(message.topic = "a b");
    CHECK_REFUSED(message.key_len = 1);
    CHECK_REFUSED((message.key = "k", message.key_len = (size_t)INT32_MAX + 1));
    CHECK_REFUSED((message.value = NULL, message.value_len = 1));
    CHECK_REFUSED(message.value_len = SIZE_MAX);
    CHECK_REFUSED(message.partition_key_len = 1);
    CHECK_REFUSED((message.partition_key = "k", message.partition_key_len = (size_t)INT32_MAX + 1));
    CHECK_REFUSED(message.headers = NULL);
    CHECK_REFUSED(message.headers = &nameless);
    CHECK_REFUSED(message.headers = &hollow);
    CHECK_REFUSED(message.headers = &endless);
    CHECK_REFUSED(message.headers = &vast);
    CHECK_REFUSED(message.timestamp_ms = -1);
    CHECK_REFUSED(message.timestamp_ms = INT64_MIN);
    CHECK_REFUSED(message.partition = -2);
    CHECK_REFUSED(message.partition = INT32_MIN);
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    end(producer);
}

/* A pointer beside a count of 0 is not looked at. */
static void headers_beside_a_count_of_0_are_not_read(void) {
    ap_producer_t *producer = nowhere();
    ap_message_t message = message_of(1);
    message.headers = (const ap_header_t *)(uintptr_t)8;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_EQ(dropped(producer, 1)->header_count, 0);
    end(producer);
}

static void headers_count_for_the_size(void) {
    static char content[2000];
    const ap_header_t header = {"name", content, sizeof content};
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "message.max.bytes", "1000", NULL);
    ap_message_t message = message_of(1);
    message.headers = &header, message.header_count = 1;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_MESSAGE_TOO_LARGE);
    end(producer);
}

static void r39_smaller_struct_is_refused(void) {
    static const size_t sizes[] = {0, 1, 7, 8, sizeof(ap_message_t) - 8, sizeof(ap_message_t) - 1};
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ap_message_t message = message_of(1);
        message.struct_size = sizes[i];
        CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_INVALID_ARGUMENT);
    }
    end(producer);
}

/* A later program may pass a larger struct, as long as it asks for nothing this library does not know. */
static void r39_larger_struct_is_taken_when_its_rest_is_zero(void) {
    ap_producer_t *producer = nowhere();
    later_message_t later = {message_of(7), {0, 0, 0, 0}};
    later.message.struct_size = sizeof later;
    CHECK_STATUS(ap_produce_message(producer, &later.message), AP_OK);
    CHECK_TEXT(dropped(producer, 7)->topic, "greetings");
    end(producer);
}

static void r39_larger_struct_is_refused_when_its_rest_is_not_zero(void) {
    ap_producer_t *producer = nowhere();
    for (size_t byte = sizeof(ap_message_t); byte < sizeof(later_message_t); byte++) {
        later_message_t later = {message_of(7), {0, 0, 0, 0}};
        later.message.struct_size = sizeof later;
        ((unsigned char *)&later)[byte] = 1;
        CHECK_STATUS(ap_produce_message(producer, &later.message), AP_ERR_INVALID_ARGUMENT);
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

/* No version is that large: the struct's rest must not be read to find out. */
static void r39_absurd_struct_is_refused(void) {
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 40, (size_t)1 << 24};
    ap_producer_t *producer = nowhere();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ap_message_t message = message_of(1);
        message.struct_size = sizes[i];
        CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(ap_produce_batch(producer, &message, 1), AP_ERR_INVALID_ARGUMENT);
    }
    end(producer);
}

int main(void) {
    watchdog(60);
    RUN(initializer_is_a_message_of_nothing);
    RUN(null_arguments_are_refused);
    RUN(whole_message_comes_back);
    RUN(r36_null_and_empty_stay_apart);
    RUN(everything_is_copied);
    RUN(many_headers_come_back);
    RUN(timestamp_is_of_the_call);
    RUN(each_bad_field_is_refused);
    RUN(headers_beside_a_count_of_0_are_not_read);
    RUN(headers_count_for_the_size);
    RUN(r39_smaller_struct_is_refused);
    RUN(r39_larger_struct_is_taken_when_its_rest_is_zero);
    RUN(r39_larger_struct_is_refused_when_its_rest_is_not_zero);
    RUN(r39_absurd_struct_is_refused);
    return 0;
}
