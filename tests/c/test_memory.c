/*
 * What the process weighs: the budget of max_pending_bytes is one of real memory, and whatever producers took of memory,
 * threads and descriptors comes back (row 65).
 */
#include "check.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>

enum { BUDGET = 64 << 20, KB = 1024, MB = 1024 * KB };

/* ---- Scales ------------------------------------------------------------------------------------------------------ */

/* Resident memory in kB. What is free is given back first: how much of it the C library keeps is no matter of ours. */
static int64_t resident_kb(void) {
    long pages = 0, resident = 0;
    (void)malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return (int64_t)resident * (sysconf(_SC_PAGESIZE) / KB);
}

static int entries_of(const char *path) {
    DIR *directory = opendir(path);
    int count = 0;
    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static int threads_now(void) {
    return entries_of("/proc/self/task");
}

static int descriptors_now(void) {
    return entries_of("/proc/self/fd");
}

typedef struct {
    int64_t resident_kb;
    int threads, descriptors;
} weight_t;

static weight_t weigh(void) {
    return (weight_t){resident_kb(), threads_now(), descriptors_now()};
}

/* Threads and descriptors as before; memory but for some noise. A thread that was joined may be listed a moment longer. */
static void check_weighs(const char *what, const weight_t *before, int64_t noise_kb) {
    WAIT_UNTIL(threads_now() <= before->threads);
    WAIT_UNTIL(descriptors_now() <= before->descriptors);
    weight_t after = weigh();
    printf("  %s: %" PRId64 " kB, then %" PRId64 " kB\n", what, before->resident_kb, after.resident_kb);
    CHECK_AT_MOST(after.threads, before->threads); /* fewer, where one of the warm-up was still listed then */
    CHECK_AT_MOST(after.descriptors, before->descriptors);
    CHECK_AT_MOST(after.resident_kb - before->resident_kb, noise_kb);
}

/* ---- The budget -------------------------------------------------------------------------------------------------- */

static char key[KB], value[MB];

static ap_message_t small_message(void) {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "t", message.value = value, message.value_len = 10;
    return message;
}

static ap_message_t message_with_key_and_headers(void) {
    static ap_header_t headers[8];
    for (int i = 0; i < 8; i++) headers[i] = (ap_header_t){"a-header", value, 30};
    ap_message_t message = small_message();
    message.key = key, message.key_len = sizeof key;
    message.headers = headers, message.header_count = 8;
    return message;
}

static ap_message_t large_message(void) {
    ap_message_t message = small_message();
    message.value_len = sizeof value;
    return message;
}

static int64_t fill(ap_producer_t *producer, const ap_message_t *message) {
    int64_t accepted = 0;
    ap_status_t status;
    while ((status = ap_produce_message(producer, message)) == AP_OK) accepted++;
    CHECK_STATUS(status, AP_ERR_BUFFER_OVERFLOW);
    return accepted;
}

/*
 * At most a tenth more than the budget: the allocator's share of each block is within the overhead that is charged, but
 * pages are touched that are not full, and threads of ours and librdkafka's have stacks. At least a sixth of it for the
 * smallest messages, of which most of the charge is overhead they take only on their way: the scale does show something.
 */
static void check_budget(const char *what, ap_message_t message) {
    weight_t before = weigh();
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer =
        producer_with(&recorder, AP_EVENT_DROPPED, NO_BROKER, "max_pending_bytes", "67108864", "max_buffer_bytesize",
                      "1000000000", "max_buffer_size", "1000000", "max_queue_size", "1000000", "message.max.bytes",
                      "2000000", "event_mode", "poll", NULL);
    int64_t accepted = fill(producer, &message);
    CHECK_STATUS(ap_deliver(producer), AP_OK); /* to a broker that is away: the client and its threads come too */
    WAIT_UNTIL(stats_of(producer).queue_size == 0);
    CHECK_AT_MOST(stats_of(producer).pending_bytes, BUDGET);
    CHECK_AT_LEAST(stats_of(producer).pending_bytes, BUDGET - 2 * (int64_t)message.value_len - 4 * KB);
    int64_t grown = (resident_kb() - before.resident_kb) * KB;
    printf("  %s: %" PRId64 " messages, %.2f of the budget\n", what, accepted, (double)grown / BUDGET);
    CHECK_AT_MOST(grown, BUDGET + BUDGET / 10);
    CHECK_AT_LEAST(grown, BUDGET / 6);
    ap_free(producer);
    recorder_end(&recorder);
    check_weighs("after ap_free", &before, 3 * KB);
}

/* Warms up what a process has once: librdkafka's tables, the C library's arenas. */
static void warm_up(const char *key_of_brokers, const char *brokers) {
    for (int i = 0; i < 3; i++) {
        ap_producer_t *producer = producer_calling(NULL, NULL, 0, key_of_brokers, brokers, NULL);
        produce_tags(producer, 1, 1);
        CHECK_STATUS(ap_deliver(producer), AP_OK);
        WAIT_UNTIL(stats_of(producer).deliveries > 0 || strcmp(brokers, "1") != 0);
        ap_free(producer);
    }
}

static void the_budget_is_one_of_memory(void) {
    warm_up(NO_BROKER);
    check_budget("values of 10 bytes", small_message());
    check_budget("keys of 1 kB and 8 headers", message_with_key_and_headers());
    check_budget("values of 1 MB", large_message());
}

/* What is dropped and not read yet still counts; read, its memory is free. */
static void clearing_gives_memory_back(void) {
    warm_up(NO_BROKER);
    ap_message_t message = message_with_key_and_headers();
    weight_t before = weigh();
    ap_producer_t *producer =
        producer_calling(NULL, NULL, 0, NO_BROKER, "max_buffer_bytesize", "1000000000", "max_buffer_size", "1000000", NULL);
    for (int i = 0; i < 5; i++) {
        int64_t accepted = fill(producer, &message);
        CHECK_EQ(ap_clear(producer), accepted);
        WAIT_UNTIL(stats_of(producer).pending_bytes == 0);
        CHECK_AT_MOST(resident_kb() - before.resident_kb, 10 * KB); /* of 64 MB; the places of the queue stay */
    }
    ap_free(producer);
    check_weighs("after ap_free", &before, 3 * KB);
}

/* ---- Many producers ---------------------------------------------------------------------------------------------- */

static void make_and_free(void) {
    ap_free(producer_calling(NULL, NULL, 0, NO_BROKER, NULL));
}

/* With threads of its own, a message that is dropped, and an event of it. */
static void make_produce_and_free(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, NULL);
    produce_tags(producer, 1, 1);
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), 1);
    recorder_end(&recorder);
}

/* With a client and a cluster. */
static void make_deliver_and_free(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 10);
    finish(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DELIVERED), 10);
    recorder_end(&recorder);
}

/*
 * The noise is what an allocator's arenas keep of the pages they once had; a leak of 100 bytes a cycle would be 1 MB after
 * 10,000 and of a thread's stack 80 MB.
 */
static void check_cycles(const char *what, void (*cycle)(void), int count, int64_t noise_kb) {
    for (int i = 0; i < count / 20 + 3; i++) cycle();
    weight_t before = weigh();
    int64_t begin = now_ms();
    for (int i = 0; i < count; i++) cycle();
    printf("  %d cycles in %" PRId64 " ms\n", count, now_ms() - begin);
    check_weighs(what, &before, noise_kb);
}

static void r65_ten_thousand_producers_come_and_go(void) {
    check_cycles("made and freed", make_and_free, 6000, KB);
    check_cycles("with a message", make_produce_and_free, 4000, KB);
    check_cycles("with a cluster", make_deliver_and_free, 12, 3 * KB);
}

static void r65_a_thousand_producers_at_once(void) {
    enum { PRODUCERS = 1000 };
    static ap_producer_t *producers[PRODUCERS];
    ap_config_t *config = config_with(NO_BROKER, "max_queue_size", "10", "max_buffer_size", "10", NULL);
    weight_t before = {0, 0, 0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PRODUCERS; i++) {
            producers[i] = producer_from(config);
            produce_tags(producers[i], 1, 1);
        }
        CHECK_AT_LEAST(threads_now(), PRODUCERS);
        if (round == 2) printf("  %" PRId64 " kB each\n", (resident_kb() - before.resident_kb) / PRODUCERS);
        for (int i = 0; i < PRODUCERS; i++) ap_free(producers[i]);
        if (round == 0) before = weigh(); /* the registry of handles has grown, and the arenas of threads are there */
    }
    check_weighs("1000 at once", &before, 4 * KB);
    ap_config_free(config);
}

static void count_settled(const ap_event_t *event, void *user_data) {
    (void)event, (void)user_data;
}

/* ---- Windows ----------------------------------------------------------------------------------------------------- */

/*
 * librdkafka keeps something for each hold on a partition that nobody but us takes out of a queue: 250 bytes a window. The
 * mock cluster keeps the last 5 MB of a partition, so it is filled up at first.
 */
static void windows_leave_nothing_behind(void) {
    enum { WINDOWS = 6000, FILL = 100 };
    ap_producer_t *producer = producer_calling(count_settled, NULL, SETTLED, MOCK, NULL);
    ap_message_t message = small_message();
    message.partition = 0;
    weight_t before = {0, 0, 0};
    for (int i = 0; i < FILL + WINDOWS; i++) {
        if (i == FILL + WINDOWS / 10) before = weigh();
        message.value_len = i < FILL ? 100 * KB : 10;
        for (int part = 0; part < 2; part++) CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    }
    weight_t after = weigh();
    printf("  %" PRId64 " kB, then %" PRId64 " kB\n", before.resident_kb, after.resident_kb);
    CHECK_AT_MOST(after.resident_kb - before.resident_kb, 800);
    finish(producer);
}

/* ---- A short soak ------------------------------------------------------------------------------------------------- */

/* 5,000 messages a second for some seconds, delivered and told of; what it weighs then is what it weighed at the start. */
static void r66_a_short_soak(void) {
    enum { SECONDS = 10, RATE = 5000, STEP_MS = 20 };
    ap_producer_t *producer =
        producer_calling(count_settled, NULL, SETTLED, MOCK, "delivery_interval", "0.05", "overflow_wait", "60", NULL);
    weight_t before = {0, 0, 0};
    int64_t begin = now_ms();
    for (int64_t sent = 0; sent < (int64_t)SECONDS * RATE;) {
        int64_t due = (now_ms() - begin) * RATE / 1000;
        for (; sent < due; sent++) CHECK_STATUS(produce_tag(producer, 1), AP_OK);
        if (before.threads == 0 && sent > 3 * RATE) before = weigh();
        nap(STEP_MS);
    }
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    weight_t after = weigh();
    printf("  %" PRId64 " kB after 3 s, %" PRId64 " kB at the end\n", before.resident_kb, after.resident_kb);
    CHECK_AT_MOST(after.threads, before.threads);
    CHECK_AT_MOST(after.descriptors, before.descriptors);
    /* The mock cluster keeps the last megabytes of each partition. */
    CHECK_AT_MOST(after.resident_kb - before.resident_kb, 12 * KB);
    finish(producer);
}

int main(void) {
    watchdog(250);
    /* As they begin: glibc raises them with the blocks it sees freed, and then keeps up to 64 MB of each arena. */
    CHECK(mallopt(M_MMAP_THRESHOLD, 128 * KB) == 1 && mallopt(M_TRIM_THRESHOLD, 128 * KB) == 1);
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    RUN(the_budget_is_one_of_memory);
    RUN(clearing_gives_memory_back);
    RUN(r65_ten_thousand_producers_come_and_go);
    RUN(r65_a_thousand_producers_at_once);
    RUN(windows_leave_nothing_behind);
    RUN(r66_a_short_soak);
    return 0;
}
