/*
 * What the peers in C have in common: options, payloads, clocks, producing threads, and the line of JSON at the end.
 *
 * Options are key=value words, the same for the peers in every language (../README.md has the list). A peer has
 * peer_start, peer_batch, peer_produce and peer_finish; peer_main does the rest.
 */
#ifndef PEER_H
#define PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 16 };

typedef struct {
    const char *bootstrap, *topic, *payload, *compression, *call, *events;
    long messages, size, threads, rate, linger, queue, threshold, interval, batch;
    bool calls;   /* time every call */
    bool latency; /* time from the call to the acknowledgement */
    bool wait;    /* until everything is acknowledged; else the calls alone are measured */
} peer_options;

static peer_options options = {.bootstrap = "127.0.0.1:9092", .topic = "bench", .payload = "", .compression = "none",
                               .call = "", .events = "all", .messages = 100000, .size = 100, .threads = 1, .linger = 5,
                               .queue = 100000, .threshold = 1, .batch = 100, .wait = true};

static void peer_start(void);
/* Hands over `count` messages (some where it calls in batches), waiting for room; stamp comes back with each. */
static void peer_produce(const char *const *values, int count, uint64_t stamp);
static long peer_batch(void); /* how many messages a call takes */
/* Called when all calls are made; returns when all is on its way and acknowledgements will come. */
static void peer_finish(void);

static void peer_fail(const char *what) {
    fprintf(stderr, "peer: %s\n", what);
    exit(1);
}

/* Clocks. The time stamp counter, where there is one, costs a quarter of a call to clock_gettime. */

static uint64_t peer_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)
#include <x86intrin.h>
static uint64_t peer_ticks(void) { return __rdtsc(); }
#else
static uint64_t peer_ticks(void) { return peer_ns(CLOCK_MONOTONIC); }
#endif

/* When the process began. */
static uint64_t origin_ns, origin_ticks;

static double peer_ns_a_tick(void) {
    return (double)(peer_ns(CLOCK_MONOTONIC) - origin_ns) / (double)(peer_ticks() - origin_ticks);
}

static double peer_cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A line of /proc/self/status in KiB, such as VmHWM (getrusage's may be of the program that started this one). */
static long peer_memory(const char *name) {
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, name, strlen(name)) == 0) kib = strtol(line + strlen(name) + 1, NULL, 10);
    }
    if (status) fclose(status);
    return kib;
}

/* Times that were measured. */

typedef struct {
    uint64_t *ticks;
    size_t count, room;
} peer_times;

static peer_times peer_times_new(size_t room) {
    peer_times times = {room ? malloc(room * sizeof(uint64_t)) : NULL, 0, room};
    if (room && !times.ticks) peer_fail("memory");
    if (room) memset(times.ticks, 0, room * sizeof(uint64_t)); /* no page faults while measuring */
    return times;
}

static void peer_times_add(peer_times *times, uint64_t ticks) {
    if (times->count < times->room) times->ticks[times->count++] = ticks;
}

static int peer_compare(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

/* Prints ', "name": {"mean": ..., ...}' in nanoseconds a message, less what reading the clock costs. */
static void peer_times_print(const char *name, peer_times *times, uint64_t overhead, long messages_each) {
    double scale = peer_ns_a_tick() / (double)messages_each, sum = 0;
    if (times->count == 0) return;
    qsort(times->ticks, times->count, sizeof *times->ticks, peer_compare);
    for (size_t i = 0; i < times->count; i++) {
        times->ticks[i] = times->ticks[i] > overhead ? times->ticks[i] - overhead : 0;
        sum += (double)times->ticks[i];
    }
    size_t last = times->count - 1;
#define PEER_AT(fraction) ((double)times->ticks[(size_t)((double)last * (fraction))] * scale)
    printf(", \"%s\": {\"mean\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}", name,
           sum / (double)times->count * scale, PEER_AT(0.5), PEER_AT(0.99), PEER_AT(0.999), PEER_AT(1.0));
#undef PEER_AT
}

static uint64_t peer_clock_overhead(void) {
    peer_times times = peer_times_new(1001);
    for (size_t i = 0; i < times.room; i++) {
        uint64_t start = peer_ticks();
        peer_times_add(&times, peer_ticks() - start);
    }
    qsort(times.ticks, times.count, sizeof *times.ticks, peer_compare);
    uint64_t median = times.ticks[times.count / 2];
    free(times.ticks);
    return median;
}

/* Payloads: a file of lines of `size` bytes, taken one after the other. */

static char *payloads;
static size_t payload_count;

static void peer_read_payloads(void) {
    size_t line = (size_t)options.size + 1;
    FILE *file = options.payload[0] ? fopen(options.payload, "rb") : NULL;
    if (!file && options.payload[0]) peer_fail("the payload file cannot be read");
    payload_count = 1;
    if (file) {
        fseek(file, 0, SEEK_END);
        payload_count = (size_t)ftell(file) / line;
        rewind(file);
    }
    if (payload_count == 0) peer_fail("the payload file is too short");
    payloads = malloc(payload_count * line);
    if (!payloads) peer_fail("memory");
    memset(payloads, 'x', payload_count * line);
    if (!file) return;
    if (fread(payloads, line, payload_count, file) != payload_count) peer_fail("the payload file cannot be read");
    fclose(file);
}

/* Acknowledgements, told by the peer from one thread at a time. */

static peer_times ack_times;
static atomic_long acknowledged;
static long ack_target;
static pthread_mutex_t ack_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ack_reached = PTHREAD_COND_INITIALIZER;

static void peer_acknowledged(uint64_t stamp) {
    if (ack_times.room && stamp) peer_times_add(&ack_times, peer_ticks() - stamp);
    long now = atomic_load_explicit(&acknowledged, memory_order_relaxed) + 1;
    atomic_store_explicit(&acknowledged, now, memory_order_release); /* one thread writes */
    if (now != ack_target) return;
    pthread_mutex_lock(&ack_lock);
    pthread_cond_signal(&ack_reached);
    pthread_mutex_unlock(&ack_lock);
}

static void peer_await(long target) {
    pthread_mutex_lock(&ack_lock);
    ack_target = target;
    while (atomic_load(&acknowledged) < target) {
        struct timespec soon; /* the target may have been passed while it was being set */
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec += 1;
        pthread_cond_timedwait(&ack_reached, &ack_lock, &soon);
    }
    pthread_mutex_unlock(&ack_lock);
}

/* Producing threads. */

typedef struct {
    pthread_t thread;
    long messages;
    double rate; /* a second; 0 = as fast as it goes */
    peer_times calls;
    uint64_t wall_ns, cpu_ns;
} peer_thread;

static pthread_barrier_t peer_gate;

static void peer_sleep_until(uint64_t ns) {
    struct timespec at = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void peer_run(peer_thread *self) {
    long batch = peer_batch();
    const char **values = malloc((size_t)batch * sizeof *values);
    uint64_t begin = peer_ns(CLOCK_MONOTONIC), cpu = peer_ns(CLOCK_THREAD_CPUTIME_ID);
    size_t next = 0, line = (size_t)options.size + 1;
    for (long done = 0; done < self->messages; done += batch) {
        if (self->rate > 0) peer_sleep_until(begin + (uint64_t)((double)done / self->rate * 1e9));
        for (long i = 0; i < batch; i++) {
            values[i] = payloads + next * line;
            next = next + 1 == payload_count ? 0 : next + 1;
        }
        uint64_t stamp = self->calls.room || options.latency ? peer_ticks() : 0;
        peer_produce(values, (int)batch, stamp);
        if (self->calls.room) peer_times_add(&self->calls, peer_ticks() - stamp);
    }
    self->wall_ns = peer_ns(CLOCK_MONOTONIC) - begin;
    self->cpu_ns = peer_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    free(values);
}

static void *peer_thread_main(void *argument) {
    pthread_barrier_wait(&peer_gate);
    peer_run(argument);
    return NULL;
}

static void peer_print(const char *name, const char *version, peer_thread *threads, double wall_s, double cpu_s,
                       long rss_before, uint64_t overhead) {
    peer_times all = peer_times_new(0);
    double wall_ns = 0, cpu_ns = 0;
    for (long i = 0; i < options.threads; i++) all.room += threads[i].calls.count;
    if (all.room) all.ticks = malloc(all.room * sizeof(uint64_t));
    long rss = peer_memory("VmRSS:"), peak = peer_memory("VmHWM:");
    for (long i = 0; i < options.threads; i++) {
        for (size_t j = 0; j < threads[i].calls.count; j++) peer_times_add(&all, threads[i].calls.ticks[j]);
        wall_ns += (double)threads[i].wall_ns;
        cpu_ns += (double)threads[i].cpu_ns;
    }
    printf("{\"peer\": \"%s\", \"version\": \"%s\", \"messages\": %ld, \"wall_s\": %.6f, \"cpu_s\": %.6f, "
           "\"rss_peak_kib\": %ld, \"rss_before_kib\": %ld, \"rss_after_kib\": %ld, \"call_wall_ns\": %.1f, "
           "\"call_cpu_ns\": %.1f",
           name, version, options.messages, wall_s, cpu_s, peak, rss_before, rss, wall_ns / (double)options.messages,
           cpu_ns / (double)options.messages);
    peer_times_print("call", &all, overhead, peer_batch());
    peer_times_print("ack", &ack_times, 0, 1);
    printf("}\n");
    fflush(stdout);
}

static long peer_number(const char *text) {
    char *end;
    long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < 0) peer_fail("a number is expected");
    return number;
}

static void peer_option(const char *key, const char *value) {
    const struct { const char *key, **text; } texts[] = {
        {"bootstrap", &options.bootstrap}, {"topic", &options.topic}, {"payload", &options.payload},
        {"compression", &options.compression}, {"call", &options.call}, {"events", &options.events}};
    const struct { const char *key; long *number; } numbers[] = {
        {"messages", &options.messages}, {"size", &options.size}, {"threads", &options.threads},
        {"rate", &options.rate}, {"linger", &options.linger}, {"queue", &options.queue},
        {"threshold", &options.threshold}, {"interval", &options.interval}, {"batch", &options.batch}};
    const struct { const char *key; bool *flag; } flags[] = {
        {"calls", &options.calls}, {"latency", &options.latency}, {"wait", &options.wait}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(key, texts[i].key) == 0) { *texts[i].text = value; return; }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(key, numbers[i].key) == 0) { *numbers[i].number = peer_number(value); return; }
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(key, flags[i].key) == 0) { *flags[i].flag = peer_number(value) != 0; return; }
    }
    peer_fail("an option is not known");
}

static void peer_read_options(int count, char **words) {
    for (int i = 1; i < count; i++) {
        char *equals = strchr(words[i], '=');
        if (!equals) peer_fail("options are key=value");
        *equals = '\0';
        peer_option(words[i], equals + 1);
    }
    bool sound = options.threads >= 1 && options.threads <= MOST_THREADS && options.size >= 1 && options.batch >= 1;
    if (!sound) peer_fail("an option is out of range");
}

/* A tenth of the messages, 1000 at most where they are waited for, so that connections and memory are there. */
static void peer_warm_up(void) {
    peer_thread thread = {.messages = options.messages / 10};
    if (options.wait && thread.messages > 1000) thread.messages = 1000;
    thread.messages += peer_batch() - 1;
    thread.messages -= thread.messages % peer_batch();
    peer_run(&thread);
    if (!options.wait) return;
    peer_finish();
    peer_await(thread.messages);
    ack_times.count = 0;
}

static int peer_main(int count, char **words, const char *name, const char *version) {
    peer_thread threads[MOST_THREADS];
    memset(threads, 0, sizeof threads);
    peer_read_options(count, words);
    origin_ns = peer_ns(CLOCK_MONOTONIC);
    origin_ticks = peer_ticks();
    peer_read_payloads();
    uint64_t overhead = peer_clock_overhead();
    long share = options.messages / options.threads;
    share -= share % peer_batch();
    options.messages = share * options.threads;
    if (options.latency) ack_times = peer_times_new((size_t)options.messages + 2000);
    peer_start();
    peer_warm_up();
    long warm = atomic_load(&acknowledged), rss_before = peer_memory("VmRSS:");
    pthread_barrier_init(&peer_gate, NULL, (unsigned)options.threads + 1);
    for (long i = 0; i < options.threads; i++) {
        threads[i].messages = share;
        threads[i].rate = (double)options.rate / (double)options.threads;
        threads[i].calls = peer_times_new(options.calls ? (size_t)share : 0);
        if (pthread_create(&threads[i].thread, NULL, peer_thread_main, &threads[i]) != 0) peer_fail("a thread");
    }
    double cpu_s = peer_cpu_s();
    uint64_t begin = peer_ns(CLOCK_MONOTONIC);
    pthread_barrier_wait(&peer_gate);
    for (long i = 0; i < options.threads; i++) pthread_join(threads[i].thread, NULL);
    if (options.wait) {
        peer_finish();
        peer_await(warm + options.messages);
    }
    double wall_s = (double)(peer_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    peer_print(name, version, threads, wall_s, peer_cpu_s() - cpu_s, rss_before, overhead);
    _exit(0); /* what is queued is not waited for */
}

#endif
