/* Which partition a message goes to: CRC-32 of the partition key or key as in ruby-kafka, or murmur2 as in Java. */
#include "check.h"

enum { PARTITIONS = 4 }; /* what librdkafka's imitation gives a new topic */

static recorder_t recorder;
static uint64_t next_tag;

static ap_producer_t *mock(const char *partitioner) {
    recorder_start(&recorder);
    next_tag = 1;
    if (partitioner == NULL) return producer_with(&recorder, SETTLED, MOCK, NULL);
    return producer_with(&recorder, SETTLED, MOCK, "partitioner", partitioner, NULL);
}

static void end(ap_producer_t *producer) {
    finish(producer);
    recorder_end(&recorder);
}

/* Sends a message and answers where it went. */
static int32_t partition_of(ap_producer_t *producer, const char *key, const char *partition_key) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.key = key, message.key_len = key == NULL ? 0 : strlen(key);
    message.partition_key = partition_key, message.partition_key_len = partition_key == NULL ? 0 : strlen(partition_key);
    message.tag = next_tag++;
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, message.tag);
    const ap_event_t *event = recorder_find(&recorder, AP_EVENT_DELIVERED, message.tag);
    CHECK(event->partition >= 0 && event->partition < PARTITIONS);
    CHECK_BYTES(event->key, event->key_len, message.key, message.key_len); /* the partition key is not sent */
    return event->partition;
}

/* Each key with its CRC-32 from elsewhere. */
static const struct {
    const char *key;
    uint32_t crc32;
} KEYS[] = {
    {"a", 0xe8b7be43}, {"abc", 0x352441c2}, {"hello", 0x3610a686}, {"123456789", 0xcbf43926}, {"", 0},
    {"The quick brown fox jumps over the lazy dog", 0x414fa339},
};

enum { KEY_COUNT = sizeof KEYS / sizeof KEYS[0] };

static void keys_go_by_crc32(void) {
    ap_producer_t *producer = mock(NULL);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        CHECK_EQ(partition_of(producer, KEYS[i].key, NULL), KEYS[i].crc32 % PARTITIONS);
    }
    end(producer);
}

static void partition_keys_go_before_keys(void) {
    ap_producer_t *producer = mock(NULL);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        CHECK_EQ(partition_of(producer, "another key", KEYS[i].key), KEYS[i].crc32 % PARTITIONS);
        CHECK_EQ(partition_of(producer, NULL, KEYS[i].key), KEYS[i].crc32 % PARTITIONS);
    }
    end(producer);
}

/* librdkafka's own default sends them anywhere. */
static void an_empty_key_always_goes_to_the_same_partition(void) {
    ap_producer_t *producer = mock(NULL);
    for (int i = 0; i < 10; i++) CHECK_EQ(partition_of(producer, "", NULL), 0);
    end(producer);
}

static void a_partition_asked_for_is_taken(void) {
    ap_producer_t *producer = mock(NULL);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        ap_message_t message = AP_MESSAGE_INIT;
        message.topic = "greetings";
        message.key = "a", message.key_len = 1;
        message.partition_key = "abc", message.partition_key_len = 3;
        message.partition = i;
        message.tag = (uint64_t)i;
        CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    }
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        CHECK_EQ(recorder_find(&recorder, AP_EVENT_DELIVERED, (uint64_t)i)->partition, i);
    }
    end(producer);
}

/* Known values of Java's Utils.murmur2, with the sign bit taken away as its partitioner does. */
static void murmur2_is_javas(void) {
    static const struct {
        const char *key;
        int32_t murmur2;
    } keys[] = {{"21", -973932308}, {"foobar", -790332482}, {"a-little-bit-long-string", -985981536},
                {"a-little-bit-longer-string", -1486304829}, {"abc", 479470107},
                {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971}};
    ap_producer_t *producer = mock("murmur2_random");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        CHECK_EQ(partition_of(producer, keys[i].key, NULL), (keys[i].murmur2 & INT32_MAX) % PARTITIONS);
        CHECK_EQ(partition_of(producer, "x", keys[i].key), (keys[i].murmur2 & INT32_MAX) % PARTITIONS);
    }
    end(producer);
}

int main(void) {
    watchdog(120);
    RUN(keys_go_by_crc32);
    RUN(partition_keys_go_before_keys);
    RUN(an_empty_key_always_goes_to_the_same_partition);
    RUN(a_partition_asked_for_is_taken);
    RUN(murmur2_is_javas);
    return 0;
}
