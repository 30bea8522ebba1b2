/*
 * The library loaded at run time: dlclose() while its threads live must not take their code away. This program is not
 * linked with it; the path is its argument.
 */
#include "check.h"

#include <dlfcn.h>

static const char *path;
static recorder_t recorder;

/* The functions this test calls, from one loading of the library. */
typedef struct {
    void *library;
    ap_config_t *(*config_new)(void);
    ap_status_t (*config_set)(ap_config_t *, const char *, const char *, char *, size_t);
    ap_status_t (*config_set_event_callback)(ap_config_t *, uint32_t, ap_event_fn, void *, ap_free_fn);
    void (*config_free)(ap_config_t *);
    ap_status_t (*create)(const ap_config_t *, ap_producer_t **, char *, size_t);
    ap_status_t (*produce)(ap_producer_t *, const char *, const void *, size_t, const void *, size_t, uint64_t);
    ap_status_t (*deliver)(ap_producer_t *);
    ap_status_t (*shutdown)(ap_producer_t *, int64_t);
    void (*free)(ap_producer_t *);
} api_t;

/* ISO C has no cast from void * to a function. */
static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) fprintf(stderr, "%s: %s\n", name, dlerror());
    CHECK(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

static api_t load(void) {
    api_t api;
    api.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (api.library == NULL) fprintf(stderr, "%s\n", dlerror());
    CHECK(api.library != NULL);
    find(api.library, "ap_config_new", &api.config_new);
    find(api.library, "ap_config_set", &api.config_set);
    find(api.library, "ap_config_set_event_callback", &api.config_set_event_callback);
    find(api.library, "ap_config_free", &api.config_free);
    find(api.library, "ap_new", &api.create);
    find(api.library, "ap_produce", &api.produce);
    find(api.library, "ap_deliver", &api.deliver);
    find(api.library, "ap_shutdown", &api.shutdown);
    find(api.library, "ap_free", &api.free);
    return api;
}

static ap_producer_t *create(const api_t *api) {
    ap_config_t *config = api->config_new();
    ap_producer_t *producer = NULL;
    CHECK(config != NULL);
    CHECK_EQ(api->config_set(config, "test.mock.num.brokers", "1", NULL, 0), AP_OK);
    CHECK_EQ(api->config_set(config, "delivery_interval", "0.05", NULL, 0), AP_OK);
    CHECK_EQ(api->config_set(config, "statistics.interval.ms", "50", NULL, 0), AP_OK);
    CHECK_EQ(api->config_set_event_callback(config, SETTLED | AP_EVENT_STATS, record_event, &recorder, NULL), AP_OK);
    CHECK_EQ(api->create(config, &producer, NULL, 0), AP_OK);
    api->config_free(config);
    return producer;
}

static void produce(const api_t *api, ap_producer_t *producer, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        CHECK_EQ(api->produce(producer, "greetings", NULL, 0, "hello", 5, first + i), AP_OK);
    }
}

/* Closed with threads alive, they go on: statistics come, and what waits is delivered. */
static void r55_threads_outlive_dlclose(void) {
    recorder_start(&recorder);
    api_t api = load();
    ap_producer_t *producer = create(&api);
    produce(&api, producer, 1, 100);
    recorder_wait(&recorder, AP_EVENT_STATS, 1);
    CHECK_EQ(dlclose(api.library), 0);
    size_t statistics = recorder_count(&recorder, AP_EVENT_STATS);
    recorder_wait(&recorder, AP_EVENT_STATS, statistics + 3);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 100);
    /* Loaded again it is the same library, and the handle the same producer. */
    api = load();
    produce(&api, producer, 201, 10);
    CHECK_EQ(api.shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    api.free(producer);
    CHECK_EQ(dlclose(api.library), 0);
    CHECK_EQ(recorder_count(&recorder, SETTLED), 110);
    recorder_end(&recorder);
}

static void r55_loading_again_and_again_is_fine(void) {
    for (int i = 0; i < 20; i++) {
        recorder_start(&recorder);
        api_t one = load(), two = load();
        ap_producer_t *producer = create(&one);
        produce(&two, producer, 1, 10);
        CHECK_EQ(two.deliver(producer), AP_OK);
        CHECK_EQ(dlclose(one.library), 0);
        recorder_wait(&recorder, AP_EVENT_DELIVERED, 10);
        two.free(producer);
        CHECK_EQ(dlclose(two.library), 0);
        recorder_end(&recorder);
    }
}

/* The end of the program with threads alive and the library closed. */
static void r55_the_program_may_end_so(void) {
    recorder_start(&recorder);
    api_t api = load();
    ap_producer_t *producer = create(&api);
    produce(&api, producer, 1, 10);
    recorder_wait(&recorder, AP_EVENT_DELIVERED, 10);
    CHECK_EQ(dlclose(api.library), 0);
}

int main(int argc, char **argv) {
    CHECK_EQ(argc, 2);
    path = argv[1];
    watchdog(120);
    RUN(r55_threads_outlive_dlclose);
    RUN(r55_loading_again_and_again_is_fine);
    RUN(r55_the_program_may_end_so);
    return 0;
}
