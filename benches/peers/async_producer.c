/*
 * This library: ap_produce (call=produce, the default) or ap_produce_arrays in batches (call=batch). The event callback
 * counts what was delivered as a delivery report callback would; with events=failed it is told of failures only.
 */
#define _GNU_SOURCE
#include <async_producer.h>

#include <stdarg.h>

#include "peer.h"

static ap_producer_t *producer;
static bool in_batches, all_events;

static void on_event(const ap_event_t *event, void *unused) {
    (void)unused;
    if (event->type != AP_EVENT_DELIVERED) peer_fail(event->text);
    peer_acknowledged(event->tag);
}

static void set(ap_config_t *config, const char *key, const char *format, ...) {
    char value[64], error[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (ap_config_set(config, key, value, error, sizeof error) != AP_OK) peer_fail(error);
}

static void peer_start(void) {
    char error[256];
    ap_config_t *config = ap_config_new();
    uint32_t events = AP_EVENT_FAILED | AP_EVENT_DROPPED;
    in_batches = strcmp(options.call, "batch") == 0;
    all_events = strcmp(options.events, "all") == 0;
    set(config, "bootstrap.servers", "%s", options.bootstrap);
    set(config, "linger.ms", "%ld", options.linger);
    set(config, "compression.codec", "%s", options.compression);
    set(config, "delivery_threshold", "%ld", options.threshold);
    set(config, "delivery_interval", "%.3f", (double)options.interval / 1e3);
    set(config, "max_queue_size", "%ld", options.queue / 2); /* half the places before the worker, half after */
    set(config, "max_buffer_size", "%ld", options.queue / 2);
    set(config, "max_buffer_bytesize", "%ld", 1L << 32);
    set(config, "max_pending_bytes", "0");
    set(config, "overflow_wait", "3600");
    ap_config_set_event_callback(config, all_events ? events | AP_EVENT_DELIVERED : events, on_event, NULL, NULL);
    if (ap_new(config, &producer, error, sizeof error) != AP_OK) peer_fail(error);
    ap_config_free(config);
}

static long peer_batch(void) {
    return strcmp(options.call, "batch") == 0 ? options.batch : 1;
}

static void produce_one(const char *value, uint64_t stamp) {
    ap_status_t status = ap_produce(producer, options.topic, NULL, 0, value, (size_t)options.size, stamp);
    if (status != AP_OK) peer_fail(ap_status_name(status));
}

static void produce_batch(const char *const *values, int count, uint64_t stamp) {
    static _Thread_local char *joined;
    static _Thread_local int32_t *sizes;
    size_t size = (size_t)options.size;
    if (!joined) {
        joined = malloc((size_t)count * size);
        sizes = malloc((size_t)count * sizeof *sizes);
        for (int i = 0; i < count; i++) sizes[i] = (int32_t)size;
    }
    for (int i = 0; i < count; i++) memcpy(joined + (size_t)i * size, values[i], size);
    for (int done = 0; done < count;) {
        int rest = count - done;
        int64_t taken = ap_produce_arrays(producer, options.topic, NULL, 0, NULL, joined + (size_t)done * size,
                                          (size_t)rest * size, sizes, (size_t)rest, stamp);
        if (taken < 0) peer_fail(ap_status_name((ap_status_t)taken));
        done += (int)taken;
        if (done < count) produce_one(joined + (size_t)done++ * size, stamp); /* waits for room */
    }
}

static void peer_produce(const char *const *values, int count, uint64_t stamp) {
    if (in_batches) {
        produce_batch(values, count, stamp);
        return;
    }
    produce_one(values[0], stamp);
}

static void peer_finish(void) {
    if (ap_flush(producer, -1) != AP_OK) peer_fail("flush");
    if (all_events) return;
    ap_stats_t stats = AP_STATS_INIT; /* nobody is told of deliveries: the counters are asked */
    ap_stats(producer, &stats);
    atomic_store(&acknowledged, (long)stats.delivered);
}

int main(int count, char **words) {
    return peer_main(count, words, "async_producer", ap_version_string());
}
