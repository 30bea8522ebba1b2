/* Handles are checked numbers: NULL, freed, foreign, random and of the other kind are refused, and never followed. */
#include "check.h"

enum { RANDOM_HANDLES = 10000 };

/* Every function that takes a producer, with one that is none. */
static void check_no_producer(ap_producer_t *producer) {
    ap_message_t message = AP_MESSAGE_INIT;
    ap_stats_t stats = AP_STATS_INIT;
    message.topic = "greetings";
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, "x", 1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_batch(producer, &message, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_produce_batch(producer, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_deliver(producer), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_flush(producer, -1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_clear(producer), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_poll(producer, -1, 1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_event_fd(producer), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_wake(producer), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_stats(producer, &stats), AP_ERR_INVALID_ARGUMENT);
    ap_free(producer);
}

/* Every function that takes a configuration, with one that is none. */
static void check_no_config(ap_config_t *config) {
    ap_producer_t *producer = (ap_producer_t *)(uintptr_t)1;
    size_t len = 0;
    CHECK_STATUS(ap_config_set(config, "client.id", "x", NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_get(config, "client.id", NULL, &len), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_load(config, "no/such/file", NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_config_set_event_callback(config, 0, NULL, NULL, NULL), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_new(config, &producer, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK(producer == NULL);
    ap_config_free(config);
}

static void check_no_handle(uint64_t number) {
    check_no_producer((ap_producer_t *)(uintptr_t)number);
    check_no_config((ap_config_t *)(uintptr_t)number);
}

/* A text in errbuf goes with AP_ERR_INVALID_ARGUMENT too. */
static void foreign_handle_ends_errbuf(void) {
    char text[32];
    ap_producer_t *producer;
    memset(text, 'Z', sizeof text);
    CHECK_STATUS(ap_config_set((ap_config_t *)(uintptr_t)12345, "a", "b", text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK(memchr(text, 0, sizeof text) != NULL);
    memset(text, 'Z', sizeof text);
    CHECK_STATUS(ap_new((ap_config_t *)(uintptr_t)12345, &producer, text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK(memchr(text, 0, sizeof text) != NULL);
}

static void r34_null_is_refused(void) {
    check_no_handle(0);
}

static void small_and_large_numbers_are_refused(void) {
    for (uint64_t i = 1; i < 300; i++) check_no_handle(i);
    for (int bit = 9; bit < 64; bit++) check_no_handle(UINT64_C(1) << bit);
    check_no_handle(UINT64_MAX);
    check_no_handle(INT64_MAX);
}

/* Addresses of memory that can be read, so that following one would go unnoticed at first. */
static void r34_addresses_are_refused(void) {
    static uint64_t data[64];
    uint64_t local[64] = {0};
    void *heap = calloc(64, sizeof(uint64_t));
    check_no_handle((uintptr_t)data);
    check_no_handle((uintptr_t)local);
    check_no_handle((uintptr_t)heap);
    check_no_handle((uintptr_t)&ap_produce);
    free(heap);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void r34_random_numbers_are_refused(void) {
    uint64_t state = 0x9e3779b97f4a7c15; /* fixed: a failure can be repeated */
    for (int i = 0; i < RANDOM_HANDLES; i++) check_no_handle(next_random(&state));
}

/* One bit away from a handle that lives, which is what a generation or a type in it would have to notice. */
static void neighbours_of_a_live_handle_are_refused(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = producer_from(config);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t near_producer = (uintptr_t)producer ^ UINT64_C(1) << bit;
        uint64_t near_config = (uintptr_t)config ^ UINT64_C(1) << bit;
        /* With two handles alive, one may be the other's neighbour. */
        if (near_producer != (uintptr_t)config) check_no_handle(near_producer);
        if (near_config != (uintptr_t)producer) check_no_handle(near_config);
    }
    CHECK_EQ(stats_of(producer).accepted, 0);
    ap_free(producer);
    config_set(config, "client.id", "still here");
    ap_config_free(config);
}

static void r34_kinds_are_told_apart(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = producer_from(config);
    check_no_producer((ap_producer_t *)config);
    check_no_config((ap_config_t *)producer);
    config_set(config, "client.id", "still here");
    produce_tags(producer, 1, 1);
    ap_free(producer);
    ap_config_free(config);
}

static void r34_freed_handles_are_refused(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = producer_from(config);
    ap_free(producer);
    ap_config_free(config);
    check_no_handle((uintptr_t)producer);
    check_no_handle((uintptr_t)config);
}

/* The place of a freed handle is taken again many times; the number of the freed one never comes back to life. */
static void a_new_handle_never_revives_a_freed_one(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_config_t *freed_config = ap_config_new();
    ap_producer_t *freed = producer_from(config);
    ap_config_free(freed_config);
    ap_free(freed);
    for (int i = 0; i < 300; i++) {
        ap_config_t *other_config = ap_config_new();
        ap_producer_t *other = producer_from(config);
        CHECK(other != freed && other_config != freed_config);
        check_no_producer(freed);
        check_no_config(freed_config);
        ap_free(other);
        ap_config_free(other_config);
    }
    ap_config_free(config);
}

static void r35_double_free_is_fine(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = producer_from(config);
    produce_tags(producer, 1, 3);
    for (int i = 0; i < 3; i++) ap_free(producer);
    for (int i = 0; i < 3; i++) ap_config_free(config);
}

int main(void) {
    watchdog(60);
    /* Some handles live meanwhile, so that there is something to find by mistake. */
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = producer_from(config);
    produce_tags(producer, 1, 3);
    RUN(r34_null_is_refused);
    RUN(foreign_handle_ends_errbuf);
    RUN(r34_addresses_are_refused);
    RUN(r34_random_numbers_are_refused);
    RUN(r34_freed_handles_are_refused);
    RUN(r35_double_free_is_fine);
    RUN(a_new_handle_never_revives_a_freed_one);
    CHECK_EQ(stats_of(producer).accepted, 3);
    CHECK_EQ(ap_clear(producer), 3);
    RUN(r34_kinds_are_told_apart);
    ap_free(producer);
    ap_config_free(config);
    RUN(small_and_large_numbers_are_refused);
    RUN(neighbours_of_a_live_handle_are_refused);
    return 0;
}
