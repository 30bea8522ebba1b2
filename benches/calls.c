/*
 * What a call costs its caller, in nanoseconds per message: the best of five rounds of 500,000 messages of 100 bytes. Nobody
 * listens at the broker's address and the queue has room for all, so that the call alone is measured. The bindings have
 * the same program (bench); benches/languages runs them side by side.
 */
#define _POSIX_C_SOURCE 200809L
#include <async_producer.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MESSAGES = 500000, ROUNDS = 5, BATCH = 100, SIZE = 100 };

static char values[BATCH * SIZE];

static void fail(const char *what) {
    fprintf(stderr, "calls: %s\n", what);
    exit(1);
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static ap_producer_t *start(void) {
    char error[256] = "";
    ap_config_t *config = ap_config_new();
    ap_producer_t *producer;
    ap_config_set(config, "bootstrap.servers", "127.0.0.1:1", NULL, 0);
    ap_config_set(config, "max_queue_size", "1000000", NULL, 0);
    ap_config_set(config, "max_pending_bytes", "0", NULL, 0);
    if (ap_new(config, &producer, error, sizeof error) != AP_OK) fail(error);
    ap_config_free(config);
    return producer;
}

static void one_by_one(ap_producer_t *producer, int count) {
    for (int i = 0; i < count; i++) {
        if (ap_produce(producer, "bench", NULL, 0, values, SIZE, 0) != AP_OK) fail("a message was refused");
    }
}

static void in_batches(ap_producer_t *producer, int count) {
    int32_t sizes[BATCH];
    for (int i = 0; i < BATCH; i++) sizes[i] = SIZE;
    for (int i = 0; i < count / BATCH; i++) {
        int64_t taken = ap_produce_arrays(producer, "bench", NULL, 0, NULL, values, sizeof values, sizes, BATCH, 0);
        if (taken != BATCH) fail("a batch was refused");
    }
}

static void measure(const char *name, void (*produce)(ap_producer_t *, int)) {
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        ap_producer_t *producer = start();
        produce(producer, MESSAGES / 10); /* to warm up */
        double begin = now_ns();
        produce(producer, MESSAGES);
        double cost = (now_ns() - begin) / MESSAGES;
        if (cost < best) best = cost;
        ap_free(producer);
    }
    printf("%-20s %6.0f ns\n", name, best);
}

int main(void) {
    measure("one by one", one_by_one);
    measure("batches of 100", in_batches);
    return 0;
}
