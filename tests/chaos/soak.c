/*
 * Produces for a while, and writes beside it what was intended, accepted, refused and told: the ledger that tests/chaos
 * checks against what Kafka has.
 *
 *     soak <brokers> <topic> <ledger> [option=value ...]
 *
 *     run=name        part of every value, so that runs cannot be mixed up (default "run")
 *     threads=n       producing threads (2)
 *     messages=n      end after so many messages of each thread (default: no limit)
 *     seconds=n       end after so many seconds (10)
 *     rate=n          messages a second of each thread (5000)
 *     seed=n          of keys and sizes (1)
 *     sabotage=name   a defect on purpose: what the checker must find. Once a thread, in message 50: send-twice,
 *                     send-elsewhere (once more, to another partition), swap, flip, false-report, phantom. Once: drop-report,
 *                     wrong-report, early-report (before it is sent), false-failure. At the end: miscount, slow-probe, hang
 *     name=value      any property of the library's, with a dot or an underscore in its name
 *
 * It ends early, in order, when its standard input ends: it produces no more, waits until all is settled, and produces one
 * more message, the probe, which shows how quickly a message arrives then. A line of the ledger is written by one write(2)
 * each, and is one of (an id is the tag: the thread in the upper 24 bits, a number that counts up in the lower 40):
 *
 *     I id                        about to be produced
 *     A id time                   accepted; times are milliseconds of the monotonic clock
 *     R id status                 refused
 *     D id partition offset time  delivered
 *     F id status persistence     failed
 *     X id                        dropped
 *     P id                        this one is the probe
 *     M kib                       the most memory that the process had
 *     S accepted delivered failed dropped overflowed shutdown-status       the statistics at the end
 *
 * A value is "run thread number topic padding checksum"; the checksum is FNV-1a of what comes before it and of the key.
 */
#define _POSIX_C_SOURCE 200809L
#include <async_producer.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_THREADS = 64,
    NUMBER_BITS = 40,
    SABOTAGED = 50,
    INVENTED = 10000, /* numbers of messages that only sabotage knows begin behind it */
    LARGEST = 20000,
    PROBE_MS = 20000, /* the checker's limit is below it */
};

#define UNKNOWN UINT64_MAX

static struct {
    const char *brokers, *topic, *run, *sabotage;
    int threads, seconds, rate;
    uint64_t messages, seed;
} options = {.run = "run", .sabotage = "", .threads = 2, .seconds = 10, .rate = 5000, .messages = UINT64_MAX, .seed = 1};

static ap_producer_t *producer;
static int ledger;
static atomic_bool over;
static atomic_bool sabotaged; /* what is done once is done */

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("soak: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    _exit(1);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static void nap(int ms) {
    (void)poll(NULL, 0, ms);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

/* A file opened for appending takes each write whole, from any thread, and keeps it when the process is killed. */
static void note(const char *format, ...) {
    char line[160];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (write(ledger, line, (size_t)len) != len) fail("the ledger: %s", strerror(errno));
}

static bool sabotage(const char *name) {
    return strcmp(options.sabotage, name) == 0;
}

static bool sabotage_once(const char *name) {
    return sabotage(name) && !atomic_exchange(&sabotaged, true);
}

static void on_event(const ap_event_t *event, void *user_data) {
    (void)user_data;
    if (event->tag == UNKNOWN) return; /* what sabotage sent: the ledger does not know of it */
    if (event->type == AP_EVENT_DELIVERED) {
        if (sabotage("early-report") && event->tag == SABOTAGED) return; /* it was told before */
        if (sabotage_once("drop-report")) return;
        if (sabotage_once("false-failure")) {
            note("F %" PRIu64 " %d %d\n", event->tag, AP_ERR_UNDELIVERED, AP_PERSISTENCE_NO);
            return;
        }
        int64_t offset = event->offset + (sabotage_once("wrong-report") ? 1 : 0);
        note("D %" PRIu64 " %d %" PRId64 " %" PRId64 "\n", event->tag, event->partition, offset, now_ms());
    } else if (event->type == AP_EVENT_FAILED) {
        fprintf(stderr, "soak: %" PRIu64 " failed: %s\n", event->tag, event->text);
        note("F %" PRIu64 " %d %d\n", event->tag, event->status, event->persistence);
    } else if (event->type == AP_EVENT_DROPPED) {
        note("X %" PRIu64 "\n", event->tag);
    } else {
        fprintf(stderr, "soak: event %u: %s\n", event->type, event->text);
    }
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

typedef struct {
    char key[32];
    size_t key_len; /* 0 = no key */
    char value[LARGEST + 256];
    size_t value_len;
} message_t;

static uint64_t fnv1a(uint64_t hash, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

/* splitmix64: https://prng.di.unimi.it/splitmix64.c */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Mostly about 100 bytes, sometimes none, now and then many. */
static size_t padding(uint64_t *random) {
    uint64_t dice = next_random(random) % 1000;
    if (dice < 100) return 0;
    if (dice >= 998) return next_random(random) % LARGEST;
    return next_random(random) % 100;
}

static void compose(message_t *message, int thread, uint64_t number, uint64_t *random) {
    uint64_t dice = next_random(random) % 16;
    message->key_len = dice < 12 ? (size_t)sprintf(message->key, "key-%d-%" PRIu64, thread, dice) : 0;
    size_t len = (size_t)sprintf(message->value, "%s %d %" PRIu64 " %s ", options.run, thread, number, options.topic);
    for (size_t left = padding(random); left > 0; left--) {
        message->value[len++] = (char)('a' + next_random(random) % 26);
    }
    message->value[len++] = ' ';
    uint64_t hash = fnv1a(UINT64_C(14695981039346656037), message->value, len);
    hash = fnv1a(hash, message->key, message->key_len);
    message->value_len = len + (size_t)sprintf(message->value + len, "%016" PRIx64, hash);
}

static ap_status_t produce(const message_t *message, uint64_t id) {
    return ap_produce(producer, options.topic, message->key_len > 0 ? message->key : NULL, message->key_len,
                      message->value, message->value_len, id);
}

static uint64_t id_of(int thread, uint64_t number) {
    return ((uint64_t)thread << NUMBER_BITS) | number;
}

static void send_elsewhere(const message_t *message) {
    ap_message_t copy = AP_MESSAGE_INIT;
    copy.topic = options.topic;
    copy.key = message->key_len > 0 ? message->key : NULL;
    copy.key_len = message->key_len;
    copy.value = message->value;
    copy.value_len = message->value_len;
    copy.tag = UNKNOWN;
    for (copy.partition = 0; copy.partition < 2; copy.partition++) (void)ap_produce_message(producer, &copy);
}

/* What the library would do with a defect in it; the ledger does not know. */
static void do_damage(message_t *message, int thread, uint64_t number) {
    if (sabotage("flip")) message->value[message->value_len - 18] ^= 1;
    if (sabotage("send-twice")) (void)produce(message, UNKNOWN);
    if (sabotage("send-elsewhere")) send_elsewhere(message);
    if (sabotage("early-report") && thread == 0) {
        note("D %" PRIu64 " 0 0 %" PRId64 "\n", id_of(thread, number), now_ms());
    }
    if (sabotage("false-report")) {
        uint64_t id = id_of(thread, number) + INVENTED;
        note("I %" PRIu64 "\nA %" PRIu64 " 0\nD %" PRIu64 " 0 0 0\n", id, id, id);
    }
    if (sabotage("phantom")) {
        message_t refused = *message;
        uint64_t random = 1;
        compose(&refused, thread, number + INVENTED, &random);
        uint64_t id = id_of(thread, number) + INVENTED;
        note("I %" PRIu64 "\nR %" PRIu64 " %d\n", id, id, AP_ERR_BUFFER_OVERFLOW);
        (void)produce(&refused, UNKNOWN);
    }
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static void hand_over(const message_t *message, uint64_t id) {
    note("I %" PRIu64 "\n", id);
    int64_t accepted_at = now_ms();
    ap_status_t status = produce(message, id);
    if (status == AP_OK) {
        note("A %" PRIu64 " %" PRId64 "\n", id, accepted_at);
        return;
    }
    note("R %" PRIu64 " %d\n", id, status);
    if (status != AP_ERR_BUFFER_OVERFLOW) fail("ap_produce: %s", ap_status_name(status));
    nap(5); /* there is no room; the number is not used again */
}

static void *produce_for_a_while(void *argument) {
    int thread = (int)(intptr_t)argument;
    uint64_t random = options.seed * MOST_THREADS + (uint64_t)thread;
    message_t *message = malloc(sizeof *message), *held = malloc(sizeof *held);
    if (message == NULL || held == NULL) fail("no memory");
    held->value_len = 0;
    int64_t begin = now_ms();
    for (uint64_t number = 1; number <= options.messages && !atomic_load(&over); number++) {
        while (!atomic_load(&over) && (now_ms() - begin) * options.rate < (int64_t)number * 1000) nap(1);
        compose(message, thread, number, &random);
        if (number == SABOTAGED) {
            do_damage(message, thread, number);
            if (sabotage("swap")) { /* an earlier number after a later one, with the same key */
                *held = *message;
                note("I %" PRIu64 "\nA %" PRIu64 " %" PRId64 "\n", id_of(thread, number), id_of(thread, number), now_ms());
                continue;
            }
        }
        if (number > SABOTAGED && held->value_len > 0 && sabotage("swap")) {
            uint64_t again = random;
            while (strcmp(message->key, held->key) != 0 || message->key_len != held->key_len) {
                compose(message, thread, number, &again);
            }
            hand_over(message, id_of(thread, number));
            if (produce(held, id_of(thread, SABOTAGED)) != AP_OK) fail("no room for the sabotage");
            held->value_len = 0;
            continue;
        }
        hand_over(message, id_of(thread, number));
    }
    free(message);
    free(held);
    return NULL;
}

/* Ends everything at the end of standard input, or when the time is over. */
static void *watch(void *unused) {
    int64_t end = now_ms() + (int64_t)options.seconds * 1000;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (now_ms() < end && !atomic_load(&over)) {
        char byte;
        if (poll(&input, 1, 50) > 0 && read(STDIN_FILENO, &byte, 1) <= 0) break;
    }
    atomic_store(&over, true);
    return unused;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void set(ap_config_t *config, const char *key, const char *value) {
    char text[512];
    if (ap_config_set(config, key, value, text, sizeof text) != AP_OK) fail("%s", text);
}

static void read_option(ap_config_t *config, char *argument) {
    char *value = strchr(argument, '=');
    if (value == NULL) fail("%s is not of the form option=value", argument);
    *value++ = 0;
    if (strcmp(argument, "run") == 0) options.run = value;
    else if (strcmp(argument, "threads") == 0) options.threads = atoi(value);
    else if (strcmp(argument, "messages") == 0) options.messages = strtoull(value, NULL, 10);
    else if (strcmp(argument, "seconds") == 0) options.seconds = atoi(value);
    else if (strcmp(argument, "rate") == 0) options.rate = atoi(value);
    else if (strcmp(argument, "seed") == 0) options.seed = strtoull(value, NULL, 10);
    else if (strcmp(argument, "sabotage") == 0) options.sabotage = value;
    else set(config, argument, value);
}

/* A message when all others are settled. */
static void send_probe(void) {
    uint64_t random = 1, id = id_of(options.threads, 1);
    message_t *message = malloc(sizeof *message);
    if (message == NULL) fail("no memory");
    compose(message, options.threads, 1, &random);
    int64_t begin = now_ms() - (sabotage("slow-probe") ? PROBE_MS : 0);
    note("P %" PRIu64 "\nI %" PRIu64 "\nA %" PRIu64 " %" PRId64 "\n", id, id, id, begin);
    if (produce(message, id) != AP_OK) fail("the probe was refused");
    (void)ap_flush(producer, PROBE_MS);
    free(message);
}

/* The system keeps the peak of this program only, unlike getrusage, which has its parent's in it. */
static void note_memory(void) {
    char line[256];
    long kib;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) fail("/proc/self/status: %s", strerror(errno));
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) note("M %ld\n", kib);
    }
    fclose(file);
}

static void start_producer(ap_config_t *config) {
    char text[512];
    uint32_t mask = AP_EVENT_DELIVERED | AP_EVENT_FAILED | AP_EVENT_DROPPED | AP_EVENT_ERROR | AP_EVENT_STALLED;
    ap_config_set_event_callback(config, mask, on_event, NULL, NULL);
    if (ap_new(config, &producer, text, sizeof text) != AP_OK) fail("%s", text);
}

int main(int argc, char **argv) {
    pthread_t threads[MOST_THREADS], watcher;
    if (argc < 4) fail("usage: soak <brokers> <topic> <ledger> [option=value ...]");
    options.brokers = argv[1];
    options.topic = argv[2];
    ledger = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger < 0) fail("%s: %s", argv[3], strerror(errno));
    ap_config_t *config = ap_config_new();
    set(config, "bootstrap.servers", options.brokers);
    set(config, "delivery_threshold", "100");
    set(config, "delivery_interval", "0.05");
    set(config, "max_queue_size", "20000");
    set(config, "max_buffer_size", "10000");
    for (int i = 4; i < argc; i++) read_option(config, argv[i]);
    if (options.threads < 1 || options.threads > MOST_THREADS) fail("threads: 1 to %d are allowed", MOST_THREADS);
    start_producer(config);
    ap_config_free(config);

    pthread_create(&watcher, NULL, watch, NULL);
    for (int i = 0; i < options.threads; i++) {
        pthread_create(&threads[i], NULL, produce_for_a_while, (void *)(intptr_t)i);
    }
    for (int i = 0; i < options.threads; i++) pthread_join(threads[i], NULL);
    atomic_store(&over, true);
    pthread_join(watcher, NULL);

    if (sabotage("hang")) pause();
    (void)ap_flush(producer, -1); /* what failed is in the ledger */
    send_probe();
    ap_status_t status = ap_shutdown(producer, -1);
    note_memory();
    ap_stats_t stats = AP_STATS_INIT;
    ap_stats(producer, &stats);
    ap_free(producer); /* no callback runs after it */
    if (sabotage("miscount")) stats.delivered--;
    note("S %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", stats.accepted, stats.delivered,
         stats.failed, stats.dropped, stats.overflowed, status);
    return 0;
}
