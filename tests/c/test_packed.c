/* ap_produce_packed(): records in one buffer, written here as the header says and not with the library's help. */
#include "check.h"

static recorder_t recorder;
static unsigned char buffer[4096];
static size_t used;

static void put(const void *bytes, size_t len) {
    CHECK_AT_MOST(used + len, sizeof buffer);
    if (len > 0) memcpy(buffer + used, bytes, len);
    used += len;
}

/* Little-endian, whatever the machine is. */
static void put_number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) put(&(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
}

static void put_len(const char *text) {
    put_number(text == NULL ? UINT32_MAX : strlen(text), 4);
}

static void put_text(const char *text) {
    if (text != NULL) put(text, strlen(text));
}

/* Appends a record; answers where it begins. Headers are pairs of name and value, ended with NULL. */
static size_t put_record(const char *topic, const char *key, const char *value, const char *partition_key,
                         int32_t partition, int64_t timestamp_ms, uint64_t tag, const char *const *headers) {
    size_t begin = used;
    uint32_t header_count = 0;
    while (headers != NULL && headers[2 * header_count] != NULL) header_count++;
    put_number(0, 4);
    put_number(strlen(topic), 4);
    put_number((uint32_t)partition, 4);
    put_len(key);
    put_len(value);
    put_len(partition_key);
    put_number((uint64_t)timestamp_ms, 8);
    put_number(tag, 8);
    put_number(header_count, 4);
    put_number(0, 4);
    CHECK_EQ(used - begin, 48);
    put(topic, strlen(topic) + 1);
    put_text(key);
    put_text(value);
    put_text(partition_key);
    for (uint32_t i = 0; i < header_count; i++) {
        put_number(strlen(headers[2 * i]), 4);
        put_len(headers[2 * i + 1]);
        put(headers[2 * i], strlen(headers[2 * i]) + 1);
        put_text(headers[2 * i + 1]);
    }
    size_t end = used;
    used = begin;
    put_number(end - begin, 4);
    used = end;
    return begin;
}

static void put_simple(uint64_t tag) {
    put_record("greetings", NULL, "hello", NULL, 0, 0, tag, NULL);
}

static ap_producer_t *mock(void) {
    recorder_start(&recorder);
    used = 0;
    return producer_with(&recorder, SETTLED, MOCK, NULL);
}

/* Room for 15. */
static ap_producer_t *nowhere(void) {
    recorder_start(&recorder);
    used = 0;
    return producer_with(&recorder, SETTLED, NO_BROKER, "max_queue_size", "10", "max_buffer_size", "5", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void records_of_all_kinds_arrive(void) {
    static const char *const headers[] = {"h1", "v1", "", "", "h1", "again", NULL};
    ap_producer_t *producer = mock();
    put_record("greetings", "key", "hello", "other", -1, 1700000000123, 1, headers);
    put_record("farewells", NULL, NULL, NULL, 2, 0, 2, NULL); /* a tombstone, in another topic */
    put_record("greetings", "", "", NULL, -1, 0, UINT64_MAX, NULL);
    CHECK_EQ(ap_produce_packed(producer, buffer, used), 3);
    memset(buffer, 0xEE, sizeof buffer); /* it is copied */
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 3);
    const ap_event_t *first = recorder_find(&recorder, AP_EVENT_DELIVERED, 1);
    CHECK_TEXT(first->topic, "greetings");
    CHECK_BYTES(first->key, first->key_len, "key", 3);
    CHECK_BYTES(first->value, first->value_len, "hello", 5);
    CHECK_EQ(first->timestamp_ms, 1700000000123);
    CHECK_EQ(first->header_count, 3);
    CHECK_TEXT(first->headers[0].name, "h1");
    CHECK_BYTES(first->headers[0].value, first->headers[0].value_len, "v1", 2);
    CHECK_TEXT(first->headers[1].name, "");
    CHECK_BYTES(first->headers[1].value, first->headers[1].value_len, "", 0);
    CHECK_BYTES(first->headers[2].value, first->headers[2].value_len, "again", 5);
    const ap_event_t *second = recorder_find(&recorder, AP_EVENT_DELIVERED, 2);
    CHECK_TEXT(second->topic, "farewells");
    CHECK_EQ(second->partition, 2);
    CHECK_BYTES(second->key, second->key_len, NULL, 0);
    CHECK_BYTES(second->value, second->value_len, NULL, 0);
    const ap_event_t *third = recorder_find(&recorder, AP_EVENT_DELIVERED, UINT64_MAX);
    CHECK_BYTES(third->key, third->key_len, "", 0);
    CHECK_BYTES(third->value, third->value_len, "", 0);
    finish(producer);
    recorder_end(&recorder);
}

/* In a language's buffer a record may begin anywhere. */
static void records_need_no_alignment(void) {
    ap_producer_t *producer = nowhere();
    put("x", 1);
    put_simple(1);
    put_simple(2);
    CHECK_EQ(ap_produce_packed(producer, buffer + 1, used - 1), 2);
    end(producer);
}

static void the_front_is_taken_where_there_is_not_room_for_all(void) {
    ap_producer_t *producer = nowhere();
    for (uint64_t tag = 0; tag < 20; tag++) put_simple(tag);
    CHECK_EQ(ap_produce_packed(producer, buffer, used), 15);
    CHECK_EQ(ap_produce_packed(producer, buffer, used), 0);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    recorder_wait(&recorder, AP_EVENT_DROPPED, 15);
    for (uint64_t tag = 0; tag < 20; tag++) CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, tag), tag < 15);
    end(producer);
}

static void what_is_malformed_is_refused_and_nothing_is_taken(void) {
    static const char *const headers[] = {"name", "value", NULL};
    ap_producer_t *producer = nowhere();
    put_simple(1);
    size_t begin = put_record("greetings", "key", "hello", "other", -1, 0, 2, headers);
    for (size_t len = 1; len < used; len++) { /* cut anywhere but between two records */
        if (len != begin) CHECK_STATUS(ap_produce_packed(producer, buffer, len), AP_ERR_INVALID_ARGUMENT);
        if (len == begin) continue;
        CHECK_EQ(stats_of(producer).accepted, 0);
    }
    static const size_t fields[] = {0, 4, 12, 16, 20, 40, 44}; /* the size, lengths, counts, and what must be 0 */
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        unsigned char *field = buffer + begin + fields[i];
        unsigned char good = *field;
        (*field)++;
        CHECK_STATUS(ap_produce_packed(producer, buffer, used), AP_ERR_INVALID_ARGUMENT);
        *field = good;
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(ap_produce_packed(producer, buffer, used), 2); /* as it was, it is good */
    end(producer);
}

static void what_no_message_may_be_is_refused(void) {
    ap_producer_t *producer = nowhere();
    const struct {
        const char *topic;
        int32_t partition;
        int64_t timestamp_ms;
    } wrong[] = {{"a b", -1, 0}, {"", -1, 0}, {"greetings", -2, 0}, {"greetings", -1, -1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        used = 0;
        put_simple(1);
        put_record(wrong[i].topic, NULL, NULL, NULL, wrong[i].partition, wrong[i].timestamp_ms, 2, NULL);
        CHECK_STATUS(ap_produce_packed(producer, buffer, used), AP_ERR_INVALID_ARGUMENT);
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    end(producer);
}

static void nothing_is_taken_of_nothing(void) {
    ap_producer_t *producer = nowhere();
    CHECK_EQ(ap_produce_packed(producer, NULL, 0), 0);
    CHECK_EQ(ap_produce_packed(producer, buffer, 0), 0);
    CHECK_STATUS(ap_produce_packed(producer, NULL, 48), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_packed(producer, buffer, SIZE_MAX), AP_ERR_INVALID_ARGUMENT);
    put_simple(1);
    CHECK_STATUS(ap_produce_packed(NULL, buffer, used), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_STATUS(ap_produce_packed(producer, buffer, used), AP_ERR_SHUT_DOWN);
    end(producer);
}

int main(void) {
    watchdog(60);
    RUN(records_of_all_kinds_arrive);
    RUN(records_need_no_alignment);
    RUN(the_front_is_taken_where_there_is_not_room_for_all);
    RUN(what_is_malformed_is_refused_and_nothing_is_taken);
    RUN(what_no_message_may_be_is_refused);
    RUN(nothing_is_taken_of_nothing);
    return 0;
}
