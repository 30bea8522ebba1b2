/*
 * Every mistake in a configuration: the status, and a text that names the key, the value and what is allowed. The old
 * value stays.
 */
#include "check.h"

static void get(const ap_config_t *config, const char *key, char *value, size_t room) {
    CHECK_STATUS(ap_config_get(config, key, value, &room), AP_OK);
}

/* Sets what must be refused; answers the text, in a buffer that the next call overwrites. */
static const char *refused(ap_config_t *config, const char *key, const char *value) {
    static char text[1024];
    char before[256], after[256];
    get(config, key, before, sizeof before);
    ap_status_t status = ap_config_set(config, key, value, text, sizeof text);
    if (status != AP_ERR_CONFIG) fprintf(stderr, "%s=%s: %s\n", key, value, text);
    CHECK_STATUS(status, AP_ERR_CONFIG);
    CHECK_HAS(text, key);
    CHECK_HAS(text, value);
    CHECK(strchr(text, '\n') == NULL);
    get(config, key, after, sizeof after);
    CHECK_TEXT(after, before);
    return text;
}

/* What is no number at all, for each property that is one. */
static void r38_a_number_is_a_number(void) {
    static const char *const numbers[] = {"max_queue_size",    "max_buffer_size", "max_buffer_bytesize",
                                          "delivery_threshold", "delivery_interval", "max_retries",
                                          "retry_backoff",     "max_pending_bytes", "overflow_wait",
                                          "stall_report_interval"};
    static const char *const wrong[] = {"",    "many", "1x",  "0x10", "1,5", "--1", "NaN", "inf", "-inf", "1 2",
                                        "1e400", "\xff\xfe"};
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            char text[1024];
            ap_status_t status = ap_config_set(config, numbers[i], wrong[j], text, sizeof text);
            if (status != AP_ERR_CONFIG) fprintf(stderr, "%s=%s\n", numbers[i], wrong[j]);
            CHECK_STATUS(status, AP_ERR_CONFIG);
            CHECK_HAS(text, numbers[i]);
        }
    }
    ap_config_free(config);
}

/* More than 64 bits hold; as seconds it would only be long. */
static void r38_a_count_fits_its_type(void) {
    static const char *const counts[] = {"max_queue_size",     "max_buffer_size", "max_buffer_bytesize",
                                         "delivery_threshold", "max_retries",     "max_pending_bytes"};
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) refused(config, counts[i], "99999999999999999999999");
    ap_config_free(config);
}

/* The limits of each of the producer's own properties, and a word of what is allowed. */
static void r38_each_property_has_its_range(void) {
    static const struct {
        const char *key, *value, *allowed;
    } mistakes[] = {
        {"max_queue_size", "0", "1"},
        {"max_queue_size", "-1", "1"},
        {"max_queue_size", "1.5", "1"},
        {"max_buffer_size", "0", "1"},
        {"max_buffer_size", "-5", "1"},
        {"max_buffer_bytesize", "0", "1"},
        {"max_buffer_bytesize", "-1", "1"},
        {"delivery_threshold", "-1", "0"},
        {"delivery_threshold", "1.5", "0"},
        {"delivery_interval", "-1", "0"},
        {"delivery_interval", "-0.1", "0"},
        {"max_retries", "-2", "-1"},
        {"max_retries", "0.5", "-1"},
        {"retry_backoff", "-1", "0"},
        {"max_pending_bytes", "-1", "0"},
        {"overflow_wait", "-1", "0"},
        {"stall_report_interval", "-1", "0"},
        {"event_mode", "banana", "callback"},
        {"event_mode", "banana", "poll"},
        {"event_mode", "POLL ", "poll"},
        {"partitioner", "banana", "murmur2_random"},
    };
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        CHECK_HAS(refused(config, mistakes[i].key, mistakes[i].value), mistakes[i].allowed);
    }
    ap_config_free(config);
}

/* librdkafka checks its own at once, not only when the client is made. */
static void librdkafka_checks_its_own(void) {
    static const char *const mistakes[][2] = {
        {"acks", "banana"},
        {"compression.codec", "banana"},
        {"linger.ms", "-1"},
        {"linger.ms", "soon"},
        {"message.max.bytes", "1"},
        {"security.protocol", "banana"},
        {"enable.idempotence", "perhaps"},
    };
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) refused(config, mistakes[i][0], mistakes[i][1]);
    ap_config_free(config);
}

static void r38_unknown_property_is_named(void) {
    static const char *const unknown[] = {"no.such.property", "max_queue_sizes", "MAX_QUEUE_SIZE", " max_queue_size",
                                          "max-queue-size",   "\xff\xfe"};
    ap_config_t *config = ap_config_new();
    char text[512];
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK_STATUS(ap_config_set(config, unknown[i], "1", text, sizeof text), AP_ERR_CONFIG);
        if (i < 5) CHECK_HAS(text, unknown[i]);
        CHECK(text[0] != 0);
    }
    CHECK_STATUS(ap_config_set(config, "", "1", text, sizeof text), AP_ERR_CONFIG);
    CHECK(text[0] != 0);
    ap_config_free(config);
}

/* The value of a property nobody knows may be a secret under a misspelt name. */
static void the_value_of_an_unknown_property_stays_out_of_the_text(void) {
    ap_config_t *config = ap_config_new();
    char text[512];
    CHECK_STATUS(ap_config_set(config, "sasl.passwort", "hunter2", text, sizeof text), AP_ERR_CONFIG);
    CHECK_HAS(text, "sasl.passwort");
    CHECK(strstr(text, "hunter2") == NULL);
    ap_config_free(config);
}

static void transactions_are_unsupported(void) {
    ap_config_t *config = ap_config_new();
    char text[512];
    CHECK_STATUS(ap_config_set(config, "transactional.id", "mine", text, sizeof text), AP_ERR_UNSUPPORTED);
    CHECK_HAS(text, "transactional.id");
    ap_config_free(config);
}

/* What only shows when everything is known: ap_new() names both. */
static void r38_contradictions_are_found_by_ap_new(void) {
    static const char *const contradictions[][4] = {
        {"delivery_threshold", "6", "max_buffer_size", "5"},
        {"acks", "1", "enable.idempotence", "true"},
        {"max.in.flight", "6", "enable.idempotence", "true"},
    };
    for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
        const char *const *c = contradictions[i];
        ap_config_t *config = config_with(NO_BROKER, c[0], c[1], c[2], c[3], NULL);
        ap_producer_t *producer = (ap_producer_t *)config;
        char text[1024];
        CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_ERR_CONFIG);
        CHECK(producer == NULL);
        CHECK_HAS(text, c[0]);
        CHECK_HAS(text, c[2]);
        ap_config_free(config);
    }
}

static void bootstrap_servers_must_be_set(void) {
    ap_config_t *config = ap_config_new();
    ap_producer_t *producer = (ap_producer_t *)config;
    char text[512];
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_ERR_CONFIG);
    CHECK(producer == NULL);
    CHECK_HAS(text, "bootstrap.servers");
    config_set(config, "bootstrap.servers", "127.0.0.1:1"); /* a refused configuration can be mended */
    ap_free(producer_from(config));
    ap_config_free(config);
}

int main(void) {
    watchdog(30);
    RUN(r38_a_number_is_a_number);
    RUN(r38_a_count_fits_its_type);
    RUN(r38_each_property_has_its_range);
    RUN(librdkafka_checks_its_own);
    RUN(r38_unknown_property_is_named);
    RUN(the_value_of_an_unknown_property_stays_out_of_the_text);
    RUN(transactions_are_unsupported);
    RUN(r38_contradictions_are_found_by_ap_new);
    RUN(bootstrap_servers_must_be_set);
    return 0;
}
