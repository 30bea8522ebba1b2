/* The conformance scenario through the C ABI; README.md beside this file has the steps. */
#define _POSIX_C_SOURCE 200809L
#include <async_producer.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_SECONDS = 60, MOST_TAGS = 1000, BULK = 100000 };

/* ---- What the events told ---------------------------------------------------------------------------------------- */

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t delivered, failed, dropped;
    int partitions[MOST_TAGS];
    int64_t offsets[MOST_TAGS];
    int numbers[MOST_TAGS]; /* of the values "value-N" that were dropped */
} reports_t;

static void on_event(const ap_event_t *event, void *user_data) {
    reports_t *reports = user_data;
    pthread_mutex_lock(&reports->mutex);
    if (event->type == AP_EVENT_DELIVERED) {
        reports->delivered++;
        if (event->tag < MOST_TAGS) {
            reports->partitions[event->tag] = event->partition;
            reports->offsets[event->tag] = event->offset;
        }
    } else if (event->type == AP_EVENT_FAILED) {
        reports->failed++;
    } else {
        char value[32] = "";
        memcpy(value, event->value, event->value_len < sizeof value ? event->value_len : sizeof value - 1);
        if (reports->dropped < MOST_TAGS) (void)sscanf(value, "value-%d", &reports->numbers[reports->dropped]);
        reports->dropped++;
    }
    pthread_cond_broadcast(&reports->changed);
    pthread_mutex_unlock(&reports->mutex);
}

static void reports_start(reports_t *reports) {
    memset(reports, 0, sizeof *reports);
    pthread_mutex_init(&reports->mutex, NULL);
    pthread_cond_init(&reports->changed, NULL);
}

/* Waits until a counter has reached a number; answers the counter. */
static uint64_t wait_for(reports_t *reports, const uint64_t *counter, uint64_t number) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&reports->mutex);
    while (*counter < number && pthread_cond_timedwait(&reports->changed, &reports->mutex, &end) == 0) continue;
    uint64_t reached = *counter;
    pthread_mutex_unlock(&reports->mutex);
    return reached;
}

/* ---- Producers --------------------------------------------------------------------------------------------------- */

static const char *brokers;
static const char *topic_start;

static const char *topic(const char *name) {
    static char text[250];
    snprintf(text, sizeof text, "%s-%s", topic_start, name);
    return text;
}

static void set(ap_config_t *config, const char *key, const char *value) {
    char text[256];
    if (ap_config_set(config, key, value, text, sizeof text) != AP_OK) {
        fprintf(stderr, "conformance: %s\n", text);
        exit(1);
    }
}

/* A producer from pairs of key and value, ended with NULL. */
static ap_producer_t *producer_with(reports_t *reports, const char *const *pairs) {
    char text[256];
    ap_producer_t *producer;
    ap_config_t *config = ap_config_new();
    reports_start(reports);
    for (; *pairs != NULL; pairs += 2) set(config, pairs[0], pairs[1]);
    ap_config_set_event_callback(config, AP_EVENT_DELIVERED | AP_EVENT_FAILED | AP_EVENT_DROPPED, on_event, reports,
                                 NULL);
    if (ap_new(config, &producer, text, sizeof text) != AP_OK) {
        fprintf(stderr, "conformance: %s\n", text);
        exit(1);
    }
    ap_config_free(config);
    return producer;
}

static ap_producer_t *producer_a(reports_t *reports) {
    static const char *const pairs[] = {
        "bootstrap.servers", "127.0.0.1:1", "max_queue_size", "10", "max_buffer_size", "5", NULL,
    };
    return producer_with(reports, pairs);
}

static ap_producer_t *producer_b(reports_t *reports, const char *key, const char *value) {
    const char *const pairs[] = {"bootstrap.servers", brokers, key, value, NULL};
    return producer_with(reports, pairs);
}

static ap_status_t produce(ap_producer_t *producer, const char *to, const char *value, uint64_t tag) {
    return ap_produce(producer, to, NULL, 0, value, strlen(value), tag);
}

static ap_stats_t stats_of(const ap_producer_t *producer) {
    ap_stats_t stats = AP_STATS_INIT;
    ap_stats(producer, &stats);
    return stats;
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static const char *named(const char *text, const char *key) {
    return strstr(text, key) != NULL ? "yes" : "no";
}

static void step_version(void) {
    printf("version %u.%u\n", ap_version() >> 16, ap_version() >> 8 & 0xFF);
}

static void step_property(const char *step, const char *key, const char *value) {
    char text[256];
    ap_config_t *config = ap_config_new();
    ap_status_t status = ap_config_set(config, key, value, text, sizeof text);
    printf("%s %s %s\n", step, ap_status_name(status), named(text, key));
    ap_config_free(config);
}

static void step_missing(void) {
    char text[256];
    ap_producer_t *producer;
    ap_config_t *config = ap_config_new();
    ap_status_t status = ap_new(config, &producer, text, sizeof text);
    printf("missing %s %s\n", ap_status_name(status), named(text, "bootstrap.servers"));
    ap_config_free(config);
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static void steps_of_a(void) {
    static char large[2000000];
    reports_t reports;
    ap_producer_t *producer = producer_a(&reports);
    printf("topic %s\n", ap_status_name(produce(producer, "bad topic", "x", 0)));
    printf("large %s\n", ap_status_name(ap_produce(producer, "nowhere", NULL, 0, large, sizeof large, 0)));

    int accepted = 0;
    ap_status_t status;
    for (;; accepted++) {
        char value[32];
        snprintf(value, sizeof value, "value-%d", accepted);
        if ((status = produce(producer, "nowhere", value, 0)) != AP_OK) break;
    }
    printf("overflow accepted=%d %s\n", accepted, ap_status_name(status));

    status = ap_shutdown(producer, 0);
    wait_for(&reports, &reports.dropped, (uint64_t)accepted);
    qsort(reports.numbers, reports.dropped, sizeof *reports.numbers, by_number);
    printf("drop %s dropped=%" PRIu64 " failed=%" PRIu64 " values=value-%d..value-%d\n", ap_status_name(status),
           reports.dropped, reports.failed, reports.numbers[0], reports.numbers[reports.dropped - 1]);
    printf("closed %s\n", ap_status_name(produce(producer, "nowhere", "x", 0)));
    ap_free(producer);
}

static void step_clear(void) {
    reports_t reports;
    ap_producer_t *producer = producer_a(&reports);
    for (int i = 0; i < 3; i++) produce(producer, "nowhere", "x", 0);
    int64_t cleared = ap_clear(producer);
    uint64_t dropped = wait_for(&reports, &reports.dropped, 3);
    ap_status_t status = ap_flush(producer, 0);
    printf("clear cleared=%" PRId64 " dropped=%" PRIu64 " flush=%s\n", cleared, dropped, ap_status_name(status));
    ap_free(producer);
}

static void step_threshold(void) {
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, "delivery_threshold", "5");
    for (int i = 0; i < 4; i++) produce(producer, topic("policy"), "threshold", 0);
    uint64_t before = stats_of(producer).delivered;
    produce(producer, topic("policy"), "threshold", 0);
    uint64_t delivered = wait_for(&reports, &reports.delivered, 5);
    printf("threshold before=%" PRIu64 " delivered=%" PRIu64 "\n", before, delivered);
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_interval(void) {
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, "delivery_interval", "0.1");
    for (int i = 0; i < 3; i++) produce(producer, topic("policy"), "interval", 0);
    printf("interval delivered=%" PRIu64 "\n", wait_for(&reports, &reports.delivered, 3));
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_manual(void) {
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, NULL, NULL);
    for (int i = 0; i < 3; i++) produce(producer, topic("policy"), "manual", 0);
    uint64_t before = stats_of(producer).delivered;
    ap_deliver(producer);
    uint64_t delivered = wait_for(&reports, &reports.delivered, 3);
    printf("manual before=%" PRIu64 " delivered=%" PRIu64 "\n", before, delivered);
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_records(void) {
    static const ap_header_t headers[] = {{"h1", "v1", 2}, {"h2", NULL, 0}, {"h3", "", 0}, {"h1", "again", 5}};
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, NULL, NULL);
    ap_message_t messages[4];
    for (int i = 0; i < 4; i++) {
        messages[i] = (ap_message_t)AP_MESSAGE_INIT;
        messages[i].topic = topic("records");
        messages[i].tag = (uint64_t)i;
        messages[i].timestamp_ms = 1700000000001 + i;
    }
    messages[0].value = "a";
    messages[0].value_len = 1;
    messages[1].key = "k";
    messages[1].key_len = 1;
    messages[2].key = "";
    messages[2].value = "";
    messages[2].partition = 0;
    messages[3].key = "k";
    messages[3].key_len = 1;
    messages[3].partition_key = "other";
    messages[3].partition_key_len = 5;
    messages[3].value = "d";
    messages[3].value_len = 1;
    messages[3].headers = headers;
    messages[3].header_count = 4;
    messages[3].timestamp_ms = 1700000000123;
    for (int i = 0; i < 4; i++) ap_produce_message(producer, &messages[i]);

    printf("records flush=%s reports=", ap_status_name(ap_flush(producer, -1)));
    wait_for(&reports, &reports.delivered, 4);
    for (int i = 0; i < 4; i++) {
        printf("%s%d:%" PRId64, i == 0 ? "" : ",", reports.partitions[i], reports.offsets[i]);
    }
    printf(" shutdown=%s\n", ap_status_name(ap_shutdown(producer, -1)));
    ap_free(producer);
}

/* Joined texts "<start>0", "<start>1", ... and their sizes. */
static size_t join(char *joined, int32_t *sizes, const char *start, int count) {
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        sizes[i] = sprintf(joined + len, "%s%d", start, i);
        len += (size_t)sizes[i];
    }
    return len;
}

static void step_batch(void) {
    enum { COUNT = 1000 };
    static char keys[16 * COUNT], values[16 * COUNT];
    static int32_t key_sizes[COUNT], value_sizes[COUNT];
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, "max_queue_size", "5000");
    size_t keys_len = join(keys, key_sizes, "k-", COUNT), values_len = join(values, value_sizes, "batch-", COUNT);
    int64_t taken = ap_produce_arrays(producer, topic("batch"), keys, keys_len, key_sizes, values, values_len,
                                      value_sizes, COUNT, 0);
    printf("batch taken=%" PRId64 " flush=%s\n", taken, ap_status_name(ap_flush(producer, -1)));
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_keys(void) {
    enum { COUNT = 100 };
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, NULL, NULL);
    for (uint64_t i = 0; i < COUNT; i++) {
        char key[32];
        size_t len = (size_t)snprintf(key, sizeof key, "key-%" PRIu64, i);
        ap_produce(producer, topic("keys"), key, len, key, len, i);
    }
    ap_flush(producer, -1);
    wait_for(&reports, &reports.delivered, COUNT);
    printf("keys ");
    for (int i = 0; i < COUNT; i++) printf("%d", reports.partitions[i]);
    printf("\n");
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_fork(void) {
    reports_t reports;
    ap_producer_t *producer = producer_b(&reports, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        char value[16];
        snprintf(value, sizeof value, "parent-%d", i);
        produce(producer, topic("fork"), value, 0);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        produce(producer, topic("fork"), "child-0", 0);
        produce(producer, topic("fork"), "child-1", 0);
        _exit(ap_flush(producer, -1) == AP_OK ? 0 : 1);
    }
    int ended = 0;
    waitpid(child, &ended, 0);
    ap_status_t status = ap_flush(producer, -1);
    printf("fork child=%d parent=%s delivered=%" PRIu64 "\n", WIFEXITED(ended) ? WEXITSTATUS(ended) : -1,
           ap_status_name(status), stats_of(producer).delivered);
    ap_shutdown(producer, -1);
    ap_free(producer);
}

static void step_bulk(void) {
    const char *const pairs[] = {
        "bootstrap.servers", brokers, "max_queue_size", "1000", "delivery_threshold", "100", "delivery_interval", "0.1",
        NULL,
    };
    reports_t reports;
    ap_producer_t *producer = producer_with(&reports, pairs);
    const char *to = topic("bulk"), *refused = "no";
    for (int i = 0; i < BULK;) {
        char value[32];
        snprintf(value, sizeof value, "message-%06d", i);
        if (produce(producer, to, value, MOST_TAGS) == AP_OK) {
            i++;
            continue;
        }
        refused = "yes";
        pthread_mutex_lock(&reports.mutex);
        uint64_t seen = reports.delivered;
        pthread_mutex_unlock(&reports.mutex);
        if (stats_of(producer).queue_size > 0) wait_for(&reports, &reports.delivered, seen + 1);
    }
    ap_status_t status = ap_shutdown(producer, -1);
    wait_for(&reports, &reports.delivered, BULK);
    printf("bulk delivered=%" PRIu64 " failed=%" PRIu64 " refused=%s shutdown=%s accepted=%" PRIu64 "\n",
           reports.delivered, reports.failed + reports.dropped, refused, ap_status_name(status),
           stats_of(producer).accepted);
    ap_free(producer);
}

int main(void) {
    brokers = getenv("BROKERS");
    topic_start = getenv("TOPIC");
    if (brokers == NULL || topic_start == NULL) {
        fprintf(stderr, "conformance: BROKERS and TOPIC must be set\n");
        return 2;
    }
    step_version();
    step_property("unknown", "no.such.property", "1");
    step_property("range", "max_queue_size", "0");
    step_missing();
    steps_of_a();
    step_clear();
    step_threshold();
    step_interval();
    step_manual();
    step_records();
    step_batch();
    step_keys();
    step_fork();
    step_bulk();
    return 0;
}
