/* ap_poll_events(): events as entries of 64 bytes, and what their ids look up. */
#include "check.h"

_Static_assert(sizeof(ap_event_entry_t) == 64, "the size is part of the ABI");

enum { MOST = 256 };

static ap_event_entry_t entries[MOST];

/* Without a callback: the mask alone says which events there are. */
#define mock(mask) producer_calling(NULL, NULL, (mask), MOCK, "event_mode", "poll", NULL)
#define nowhere(mask) \
    producer_calling(NULL, NULL, (mask), NO_BROKER, "event_mode", "poll", "max_queue_size", "10", "max_buffer_size", \
                     "5", NULL)

static int64_t poll_entries(ap_producer_t *producer, int64_t timeout_ms, size_t most) {
    return ap_poll_events(producer, timeout_ms, entries, sizeof *entries, most);
}

static void deliver_tags(ap_producer_t *producer, uint64_t first, uint64_t count) {
    produce_tags(producer, first, count);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
}

/* The whole record of an id; freed by the caller. */
static unsigned char *message_of(ap_producer_t *producer, uint64_t id, int64_t *size) {
    *size = ap_event_message(producer, id, NULL, 0);
    CHECK_AT_LEAST(*size, 48);
    unsigned char *record = malloc((size_t)*size);
    CHECK(record != NULL);
    CHECK_EQ(ap_event_message(producer, id, record, (size_t)*size), *size);
    return record;
}

static int32_t i32_at(const unsigned char *record, size_t offset) {
    int32_t value;
    memcpy(&value, record + offset, sizeof value);
    return value;
}

static void every_delivery_is_told_once_and_in_order(void) {
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 1, 25);
    CHECK_EQ(poll_entries(producer, 0, 10), 10);
    for (uint64_t i = 0; i < 10; i++) {
        CHECK_EQ(entries[i].type, AP_EVENT_DELIVERED);
        CHECK_EQ(entries[i].id, 0); /* nothing more to know */
        CHECK_EQ(entries[i].tag, i + 1);
        CHECK_EQ(entries[i].status, AP_OK);
        CHECK_EQ(entries[i].message_count, 1);
        CHECK_EQ(entries[i].attempt, 1);
        CHECK_EQ(entries[i].persistence, AP_PERSISTENCE_YES);
        CHECK_AT_LEAST(entries[i].partition, 0);
        CHECK_AT_LEAST(entries[i].offset, 0);
        CHECK_AT_LEAST(entries[i].timestamp_ms, 1500000000000);
        CHECK_AT_LEAST(entries[i].duration_us, 1);
    }
    CHECK_EQ(poll_entries(producer, -1, MOST), 15);
    CHECK_EQ(entries[14].tag, 25);
    CHECK_EQ(poll_entries(producer, 0, MOST), 0);
    finish(producer);
}

static void the_places_of_what_was_read_are_free(void) {
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 1, 25);
    CHECK_EQ(stats_of(producer).unread_events, 25);
    CHECK_EQ(poll_entries(producer, 0, MOST), 25);
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.unread_events + stats.queue_size + stats.buffer_size + stats.pending_bytes, 0);
    finish(producer);
}

/* A dropped message comes back as a record, with its text, and may be produced again as it is. */
static void a_dropped_message_is_looked_up_and_produced_again(void) {
    static const ap_header_t headers[] = {{"h", "v", 1}, {"null", NULL, 0}};
    ap_message_t message = AP_MESSAGE_INIT;
    ap_producer_t *producer = nowhere(SETTLED);
    message.topic = "greetings";
    message.key = "key";
    message.key_len = 3;
    message.headers = headers;
    message.header_count = 2;
    message.timestamp_ms = 1700000000123;
    message.tag = 77;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_EQ(ap_clear(producer), 1);
    CHECK_EQ(poll_entries(producer, scaled(PATIENCE_MS), MOST), 1);
    CHECK_EQ(entries[0].type, AP_EVENT_DROPPED);
    CHECK_EQ(entries[0].tag, 77);
    uint64_t id = entries[0].id;
    CHECK(id != 0);

    char text[128];
    int64_t len = ap_event_text(producer, id, text, sizeof text);
    CHECK_EQ(len, strlen(text));
    CHECK_AT_LEAST(len, 1);
    char cut[5];
    CHECK_EQ(ap_event_text(producer, id, cut, sizeof cut), len);
    CHECK_EQ(strlen(cut), 4);
    CHECK_EQ(ap_event_text(producer, id, NULL, 0), len);

    int64_t size;
    unsigned char *record = message_of(producer, id, &size);
    CHECK_EQ(i32_at(record, 0), size);
    CHECK_EQ(i32_at(record, 8), AP_PARTITION_ANY);
    CHECK_EQ(i32_at(record, 12), 3);  /* key */
    CHECK_EQ(i32_at(record, 16), -1); /* a null value */
    CHECK_EQ(i32_at(record, 40), 2);  /* headers */
    CHECK_TEXT((const char *)record + 48, "greetings");
    unsigned char small[48];
    memset(small, 0xEE, sizeof small);
    CHECK_EQ(ap_event_message(producer, id, small, sizeof small), size);
    CHECK_EQ(small[0], 0xEE); /* too small: untouched */

    CHECK_EQ(ap_produce_packed(producer, record, (size_t)size), 1);
    CHECK_EQ(ap_clear(producer), 1);
    CHECK_EQ(poll_entries(producer, scaled(PATIENCE_MS), MOST), 1);
    int64_t again_size;
    unsigned char *again = message_of(producer, entries[0].id, &again_size);
    CHECK_BYTES(again, (size_t)again_size, record, (size_t)size);
    free(record);
    free(again);
    ap_free(producer);
}

/* What is looked up keeps its place until the next call; so unread failures cannot grow without bound either. */
static void an_id_is_good_until_the_next_call(void) {
    ap_producer_t *producer = nowhere(SETTLED);
    produce_tags(producer, 1, 3);
    CHECK_EQ(ap_clear(producer), 3);
    CHECK_EQ(poll_entries(producer, scaled(PATIENCE_MS), 2), 2);
    uint64_t first = entries[0].id, second = entries[1].id;
    CHECK_AT_LEAST(ap_event_text(producer, first, NULL, 0), 1);
    CHECK_AT_LEAST(ap_event_text(producer, second, NULL, 0), 1);
    CHECK_EQ(stats_of(producer).queue_size + stats_of(producer).buffer_size, 3);
    CHECK_EQ(poll_entries(producer, scaled(PATIENCE_MS), MOST), 1);
    CHECK_STATUS(ap_event_text(producer, first, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_event_message(producer, second, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_AT_LEAST(ap_event_message(producer, entries[0].id, NULL, 0), 48);
    CHECK_EQ(stats_of(producer).queue_size + stats_of(producer).buffer_size, 1);
    CHECK_EQ(poll_entries(producer, 0, MOST), 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    ap_free(producer);
}

static void ids_of_nothing_are_refused(void) {
    ap_producer_t *producer = nowhere(SETTLED);
    const uint64_t wrong[] = {0, 1, 12345, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_STATUS(ap_event_text(producer, wrong[i], NULL, 0), AP_ERR_INVALID_ARGUMENT);
        CHECK_STATUS(ap_event_message(producer, wrong[i], NULL, 0), AP_ERR_INVALID_ARGUMENT);
    }
    ap_free(producer);
    CHECK_STATUS(ap_event_text(producer, 1, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_event_message(NULL, 1, NULL, 0), AP_ERR_INVALID_ARGUMENT);
}

/* A program of a later version passes larger entries; what this library does not know of them is 0. */
static void a_later_versions_entries_are_filled_with_zeros(void) {
    unsigned char later[3 * 72];
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 1, 2);
    memset(later, 0xEE, sizeof later);
    CHECK_EQ(ap_poll_events(producer, 0, later, 72, 3), 2);
    for (size_t i = 0; i < 2; i++) {
        ap_event_entry_t entry;
        static const unsigned char zeros[8];
        memcpy(&entry, later + i * 72, sizeof entry);
        CHECK_EQ(entry.tag, i + 1);
        CHECK_BYTES(later + i * 72 + 64, 8, zeros, 8);
    }
    CHECK_EQ(later[144], 0xEE); /* only what was asked for is written */
    finish(producer);
}

static void memory_need_not_be_aligned(void) {
    unsigned char memory[65];
    ap_event_entry_t entry;
    ap_producer_t *producer = mock(SETTLED);
    deliver_tags(producer, 42, 1);
    CHECK_EQ(ap_poll_events(producer, 0, memory + 1, 64, 1), 1);
    memcpy(&entry, memory + 1, sizeof entry);
    CHECK_EQ(entry.tag, 42);
    finish(producer);
}

static void what_is_wrong_is_refused(void) {
    ap_producer_t *producer = nowhere(SETTLED);
    CHECK_STATUS(ap_poll_events(producer, -2, entries, 64, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll_events(producer, 0, NULL, 64, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll_events(producer, 0, entries, 64, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll_events(producer, 0, entries, 63, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll_events(producer, 0, entries, 4097, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll_events(NULL, 0, entries, 64, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll(producer, 0, 1), AP_ERR_UNSUPPORTED); /* no callback to run */
    ap_free(producer);
    CHECK_STATUS(ap_poll_events(producer, 0, entries, 64, 1), AP_ERR_INVALID_ARGUMENT);

    recorder_t recorder;
    recorder_start(&recorder);
    producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    CHECK_STATUS(poll_entries(producer, 0, 1), AP_ERR_UNSUPPORTED); /* event_mode is callback */
    ap_free(producer);
    recorder_end(&recorder);
}

/* Events that nobody could ever read are a mistake, found when the producer is made. */
static void callback_mode_needs_a_callback(void) {
    char text[256];
    ap_producer_t *producer;
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(ap_config_set_event_callback(config, SETTLED, NULL, NULL, NULL), AP_OK);
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_ERR_CONFIG);
    CHECK_HAS(text, "event_mode");
    config_set(config, "event_mode", "poll");
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_OK);
    ap_free(producer);
    ap_config_free(config);
}

static atomic_bool answered;

static void *wait_for_an_event(void *producer) {
    int64_t count = poll_entries(producer, -1, MOST);
    atomic_store(&answered, true);
    return (void *)(intptr_t)count;
}

static void it_waits_for_the_first_and_wake_ends_the_wait(void) {
    ap_producer_t *producer = mock(SETTLED);
    pthread_t waiting = start(wait_for_an_event, producer);
    deliver_tags(producer, 1, 1);
    CHECK_EQ((intptr_t)join(waiting), 1);
    atomic_store(&answered, false);
    waiting = start(wait_for_an_event, producer);
    while (!atomic_load(&answered)) { /* until the wait has begun and is woken */
        CHECK_STATUS(ap_wake(producer), AP_OK);
        nap(1);
    }
    CHECK_EQ((intptr_t)join(waiting), 0);
    finish(producer);
}

/* Statistics come as the value of a record without a topic, log lines and errors as texts. */
static void texts_and_documents_are_looked_up(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, AP_EVENT_STATS | AP_EVENT_ERROR, NO_BROKER, "event_mode",
                                               "poll", "statistics.interval.ms", "10", NULL);
    bool error = false, statistics = false;
    CHECK_STATUS(produce_tag(producer, 1), AP_OK);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    while (!error || !statistics) {
        int64_t count = poll_entries(producer, scaled(PATIENCE_MS), 8);
        CHECK_AT_LEAST(count, 1);
        for (int64_t i = 0; i < count; i++) {
            char text[512];
            int64_t size;
            unsigned char *record = message_of(producer, entries[i].id, &size);
            CHECK_EQ(i32_at(record, 4), 0); /* about no topic */
            CHECK_AT_LEAST(ap_event_text(producer, entries[i].id, text, sizeof text), 0);
            if (entries[i].type == AP_EVENT_STATS) {
                statistics = true;
                CHECK_AT_LEAST(i32_at(record, 16), 2);
                CHECK_EQ(record[48 + 1], '{');
            } else {
                CHECK_AT_LEAST(strlen(text), 1);
                error = error || strstr(text, "127.0.0.1:1") != NULL; /* whom it could not reach */
            }
            free(record);
        }
    }
    ap_free(producer);
}

static void events_are_read_after_shutdown(void) {
    ap_producer_t *producer = nowhere(SETTLED);
    produce_tags(producer, 1, 15);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_EQ(poll_entries(producer, -1, MOST), 15);
    for (size_t i = 0; i < 15; i++) CHECK_AT_LEAST(ap_event_message(producer, entries[i].id, NULL, 0), 48);
    CHECK_EQ(poll_entries(producer, -1, MOST), 0); /* over: it does not wait */
    ap_free(producer);
}

int main(void) {
    watchdog(120);
    RUN(every_delivery_is_told_once_and_in_order);
    RUN(the_places_of_what_was_read_are_free);
    RUN(a_dropped_message_is_looked_up_and_produced_again);
    RUN(an_id_is_good_until_the_next_call);
    RUN(ids_of_nothing_are_refused);
    RUN(a_later_versions_entries_are_filled_with_zeros);
    RUN(memory_need_not_be_aligned);
    RUN(what_is_wrong_is_refused);
    RUN(callback_mode_needs_a_callback);
    RUN(it_waits_for_the_first_and_wake_ends_the_wait);
    RUN(texts_and_documents_are_looked_up);
    RUN(events_are_read_after_shutdown);
    return 0;
}
