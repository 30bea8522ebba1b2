/* Every function from many threads at once, on small stacks too; and every accepted message settled exactly once. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "check.h"

#include <limits.h>
#include <sched.h>
#include <sys/resource.h>

enum { THREADS = 16, EACH = 400 };

static unsigned char settled[THREADS * EACH];
static atomic_int inside;

static void count_settled(const ap_event_t *event, void *user_data) {
    (void)user_data;
    CHECK_EQ(atomic_fetch_add(&inside, 1), 0); /* never twice at a time */
    check_event(event);
    if ((event->type & SETTLED) != 0) settled[event->tag]++;
    atomic_fetch_sub(&inside, 1);
}

typedef struct {
    ap_producer_t *producer;
    uint64_t first;
} maker_t;

static ap_status_t produce_one(ap_producer_t *producer, uint64_t tag) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "greetings";
    message.key = &tag, message.key_len = sizeof tag;
    message.tag = tag;
    int64_t taken;
    switch (tag % 3) {
    case 0: return ap_produce(producer, message.topic, &tag, sizeof tag, NULL, 0, tag);
    case 1: return ap_produce_message(producer, &message);
    default:
        taken = ap_produce_batch(producer, &message, 1);
        return taken == 0 ? AP_ERR_BUFFER_OVERFLOW : taken == 1 ? AP_OK : (ap_status_t)taken;
    }
}

/* Produces all of its messages, however often there is no room, and calls everything else in between. */
static void *do_everything(void *argument) {
    maker_t *maker = argument;
    for (uint64_t i = 0; i < EACH; i++) {
        ap_status_t status;
        while ((status = produce_one(maker->producer, maker->first + i)) == AP_ERR_BUFFER_OVERFLOW) {
            CHECK_STATUS(ap_deliver(maker->producer), AP_OK);
            nap(1);
        }
        CHECK_STATUS(status, AP_OK);
        switch (i % 32) {
        case 3: CHECK_STATUS(ap_deliver(maker->producer), AP_OK); break;
        case 7: (void)stats_of(maker->producer); break;
        case 13: CHECK_STATUS(ap_wake(maker->producer), AP_OK); break;
        case 17: CHECK_AT_LEAST(ap_clear(maker->producer), 0); break;
        case 23: (void)ap_flush(maker->producer, 1); break;
        case 29: CHECK_STATUS(ap_poll(maker->producer, 0, 1), AP_ERR_UNSUPPORTED); break;
        default: break;
        }
    }
    return NULL;
}

static void check_each_settled_once(const ap_producer_t *producer) {
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.accepted, THREADS * EACH);
    CHECK_EQ(stats.delivered + stats.dropped, THREADS * EACH);
    CHECK_EQ(stats.failed, 0);
}

static void r40_all_functions_at_once(void) {
    maker_t makers[THREADS];
    pthread_t threads[THREADS];
    memset(settled, 0, sizeof settled);
    ap_producer_t *producer = producer_calling(count_settled, NULL, AP_EVENT_ALL, MOCK, "max_queue_size", "50",
                                               "max_buffer_size", "20", NULL);
    for (uint64_t i = 0; i < THREADS; i++) {
        makers[i] = (maker_t){producer, i * EACH};
        threads[i] = start(do_everything, &makers[i]);
    }
    for (int i = 0; i < THREADS; i++) join(threads[i]);
    (void)ap_shutdown(producer, scaled(PATIENCE_MS));
    check_each_settled_once(producer);
    ap_free(producer);
    for (int i = 0; i < THREADS * EACH; i++) CHECK_EQ(settled[i], 1);
}

/* The same with one processor for all, and the last to get it. */
static void r67_starved_of_the_processor(void) {
    cpu_set_t all, one;
    int core = 0;
    CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(core, &all)) core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0); /* what is started from here on inherits it */
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 19), 0);
    r40_all_functions_at_once();
    CHECK_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

/* The whole life of a producer, as a Go or Node thread with a small stack would lead it. */
static void *lead_a_life(void *unused) {
    recorder_t *recorder = malloc(sizeof *recorder);
    (void)unused;
    CHECK(recorder != NULL);
    recorder_start(recorder);
    ap_producer_t *producer = producer_with(recorder, AP_EVENT_ALL, MOCK, "event_mode", "poll", NULL);
    produce_tags(producer, 1, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    while (recorder_count(recorder, SETTLED) < 10) CHECK_AT_LEAST(ap_poll(producer, scaled(PATIENCE_MS), 100), 1);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
    recorder_end(recorder);
    free(recorder);
    return NULL;
}

static void r58_small_stacks_are_enough(void) {
    enum { STACK = 64 * 1024 };
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, STACK < PTHREAD_STACK_MIN ? PTHREAD_STACK_MIN : STACK), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, lead_a_life, NULL), 0);
    pthread_attr_destroy(&attributes);
    join(thread);
}

static void many_lives_at_once(void) {
    enum { LIVES = 6 };
    pthread_t threads[LIVES];
    for (int i = 0; i < LIVES; i++) threads[i] = start(lead_a_life, NULL);
    for (int i = 0; i < LIVES; i++) join(threads[i]);
}

/* A configuration is one thread's at a time, but each thread may have one. */
static void *configure_much(void *unused) {
    (void)unused;
    for (int i = 0; i < 50; i++) {
        ap_config_t *config = config_with(NO_BROKER, "max_queue_size", "10", "acks", "all", NULL);
        char text[256];
        CHECK_STATUS(ap_config_set(config, "max_queue_size", "0", text, sizeof text), AP_ERR_CONFIG);
        ap_free(producer_from(config));
        ap_config_free(config);
    }
    return NULL;
}

static void configurations_in_many_threads(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) threads[i] = start(configure_much, NULL);
    for (int i = 0; i < THREADS; i++) join(threads[i]);
}

int main(void) {
    watchdog(180);
    RUN(r40_all_functions_at_once);
    RUN(r58_small_stacks_are_enough);
    RUN(many_lives_at_once);
    RUN(configurations_in_many_threads);
    RUN(r67_starved_of_the_processor); /* the last: nobody but root may be nice and then less so */
    return 0;
}
