/* ap_config_new(), ap_config_set(), ap_config_get(), ap_config_free(). What is refused: test_config_errors.c. */
#include "check.h"

/* The value of a property, in a buffer that the next call overwrites. */
static const char *value_of(const ap_config_t *config, const char *key) {
    static char value[4096];
    size_t len = sizeof value;
    ap_status_t status = ap_config_get(config, key, value, &len);
    if (status != AP_OK) fprintf(stderr, "%s\n", key);
    CHECK_STATUS(status, AP_OK);
    CHECK_EQ(len, strlen(value) + 1);
    return value;
}

static void defaults_are_the_documented_ones(void) {
    static const char *const defaults[][2] = {
        {"max_queue_size", "1000"},     {"max_buffer_size", "1000"},      {"max_buffer_bytesize", "10000000"},
        {"delivery_threshold", "0"},    {"delivery_interval", "0"},       {"max_retries", "-1"},
        {"retry_backoff", "0"},         {"max_pending_bytes", "67108864"}, {"overflow_wait", "0"},
        {"event_mode", "callback"},     {"stall_report_interval", "10"},
        /* librdkafka's, where ours differ from its own: nothing may be lost or reordered. */
        {"enable.idempotence", "true"}, {"message.timeout.ms", "0"},
    };
    ap_config_t *config = ap_config_new();
    CHECK(config != NULL);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        CHECK_TEXT(value_of(config, defaults[i][0]), defaults[i][1]);
    }
    ap_config_free(config);
}

static void every_replica_acknowledges_by_default(void) {
    ap_config_t *config = ap_config_new();
    const char *acks = value_of(config, "acks"); /* librdkafka calls it both ways */
    CHECK(strcmp(acks, "all") == 0 || strcmp(acks, "-1") == 0);
    ap_config_free(config);
}

static void what_is_set_is_read(void) {
    static const char *const settings[][2] = {
        {"max_queue_size", "1"},
        {"max_queue_size", "10"},
        {"max_buffer_size", "5"},
        {"max_buffer_bytesize", "123456"},
        {"delivery_threshold", "100"},
        {"delivery_interval", "5"},
        {"delivery_interval", "0.25"},
        {"max_retries", "0"},
        {"max_retries", "7"},
        {"max_retries", "-1"},
        {"retry_backoff", "2"},
        {"max_pending_bytes", "0"},
        {"max_pending_bytes", "1048576"},
        {"overflow_wait", "1.5"},
        {"event_mode", "poll"},
        {"event_mode", "callback"},
        {"stall_report_interval", "3"},
        {"partitioner", "murmur2_random"},
        {"bootstrap.servers", "one:9092,two:9092"},
        {"compression.codec", "lz4"},
        {"client.id", "a client's name = with all sorts of #bytes"},
    };
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        config_set(config, settings[i][0], settings[i][1]);
        CHECK_TEXT(value_of(config, settings[i][0]), settings[i][1]);
    }
    ap_config_free(config);
}

/* A property is one property under each of its names. */
static void other_names_of_a_property_are_the_same_property(void) {
    ap_config_t *config = config_with("metadata.broker.list", "one:9092", NULL);
    CHECK_TEXT(value_of(config, "bootstrap.servers"), "one:9092");
    config_set(config, "bootstrap.servers", "two:9092");
    CHECK_TEXT(value_of(config, "metadata.broker.list"), "two:9092");
    ap_config_free(config);
}

static void secrets_are_masked(void) {
    static const char *const secrets[] = {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        ap_config_t *config = config_with(secrets[i], "hunter2", NULL);
        const char *value = value_of(config, secrets[i]);
        CHECK(strstr(value, "hunter2") == NULL);
        CHECK(value[0] != 0); /* one sees that it is set */
        ap_config_free(config);
    }
}

static void length_alone_can_be_asked(void) {
    ap_config_t *config = config_with("client.id", "12345", NULL);
    size_t len = 0;
    CHECK_STATUS(ap_config_get(config, "client.id", NULL, &len), AP_OK);
    CHECK_EQ(len, 6);
    ap_config_free(config);
}

static void short_buffer_is_left_alone(void) {
    ap_config_t *config = config_with("client.id", "12345", NULL);
    char buf[8] = "ABCDEFG";
    for (size_t room = 0; room < 6; room++) {
        size_t len = room;
        CHECK_STATUS(ap_config_get(config, "client.id", buf, &len), AP_ERR_INVALID_ARGUMENT);
        CHECK_EQ(len, 6);
        CHECK_TEXT(buf, "ABCDEFG");
    }
    size_t len = 6; /* exactly enough */
    CHECK_STATUS(ap_config_get(config, "client.id", buf, &len), AP_OK);
    CHECK_BYTES(buf, 8, "12345\0G", 8);
    ap_config_free(config);
}

static void unknown_property_has_no_value(void) {
    ap_config_t *config = ap_config_new();
    char buf[8] = "ABCDEFG";
    size_t len = sizeof buf;
    CHECK_STATUS(ap_config_get(config, "no.such.property", buf, &len), AP_ERR_CONFIG);
    CHECK_EQ(len, sizeof buf);
    CHECK_TEXT(buf, "ABCDEFG");
    CHECK_STATUS(ap_config_get(config, "", buf, &len), AP_ERR_CONFIG);
    ap_config_free(config);
}

static void null_arguments_are_refused(void) {
    ap_config_t *config = ap_config_new();
    char text[256] = "before";
    size_t len = sizeof text;
    CHECK_STATUS(ap_config_set(NULL, "client.id", "x", text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_set(config, NULL, "x", text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_set(config, "client.id", NULL, text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_set(NULL, NULL, NULL, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_get(NULL, "client.id", text, &len), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_get(config, NULL, text, &len), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_get(config, "client.id", text, NULL), AP_ERR_INVALID_ARGUMENT);
    ap_config_free(config);
    ap_config_free(NULL);
}

static void freed_configuration_is_refused(void) {
    ap_config_t *config = ap_config_new();
    size_t len = 0;
    ap_producer_t *producer = (ap_producer_t *)config; /* anything but NULL */
    ap_config_free(config);
    ap_config_free(config);
    CHECK_STATUS(ap_config_set(config, "client.id", "x", NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_get(config, "client.id", NULL, &len), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_load(config, "x", NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_set_event_callback(config, 0, NULL, NULL, NULL), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_new(config, &producer, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK(producer == NULL);
}

static void errbuf_is_empty_on_success(void) {
    ap_config_t *config = ap_config_new();
    char text[16] = "before";
    CHECK_STATUS(ap_config_set(config, "client.id", "x", text, sizeof text), AP_OK);
    CHECK_TEXT(text, "");
    CHECK_STATUS(ap_config_set(config, "client.id", "x", NULL, 0), AP_OK);
    ap_config_free(config);
}

static void errbuf_is_cut_and_ended(void) {
    ap_config_t *config = ap_config_new();
    for (size_t room = 0; room < 40; room++) {
        char text[64];
        memset(text, 'Z', sizeof text);
        CHECK_STATUS(ap_config_set(config, "max_queue_size", "many", text, room), AP_ERR_CONFIG);
        if (room > 0) CHECK(memchr(text, 0, room) != NULL);
        if (room > 0) CHECK_EQ(strlen(text), room - 1); /* the text is longer than that */
        for (size_t i = room; i < sizeof text; i++) CHECK_EQ(text[i], 'Z');
    }
    ap_config_free(config);
}

static void key_and_value_are_copied(void) {
    ap_config_t *config = ap_config_new();
    char key[] = "client.id", value[] = "mine";
    config_set(config, key, value);
    memset(key, 'x', sizeof key - 1);
    memset(value, 'x', sizeof value - 1);
    CHECK_TEXT(value_of(config, "client.id"), "mine");
    ap_config_free(config);
}

static void long_value_is_kept_whole(void) {
    enum { LONG = 1 << 20 };
    char *value = malloc(LONG), *read = malloc(LONG);
    ap_config_t *config = ap_config_new();
    size_t len = LONG;
    memset(value, 'a', LONG - 1);
    value[LONG - 1] = 0;
    CHECK_STATUS(ap_config_set(config, "client.id", value, NULL, 0), AP_OK);
    CHECK_STATUS(ap_config_get(config, "client.id", read, &len), AP_OK);
    CHECK_BYTES(read, len, value, LONG);
    ap_config_free(config);
    free(value);
    free(read);
}

int main(void) {
    watchdog(30);
    RUN(defaults_are_the_documented_ones);
    RUN(every_replica_acknowledges_by_default);
    RUN(what_is_set_is_read);
    RUN(other_names_of_a_property_are_the_same_property);
    RUN(secrets_are_masked);
    RUN(length_alone_can_be_asked);
    RUN(short_buffer_is_left_alone);
    RUN(unknown_property_has_no_value);
    RUN(null_arguments_are_refused);
    RUN(freed_configuration_is_refused);
    RUN(errbuf_is_empty_on_success);
    RUN(errbuf_is_cut_and_ended);
    RUN(key_and_value_are_copied);
    RUN(long_value_is_kept_whole);
    return 0;
}
