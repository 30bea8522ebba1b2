/* The hook: every type of event, printed so that a person can read it.
 *
 * `events` uses the mock cluster inside the library, `events host:port` a real Kafka. The second half talks to an
 * address where nobody listens, to show what an outage looks like. RETRY is printed like the rest, but a healthy
 * cluster gives no cause for it. */
#include "example.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 20 /* how long the example waits for what it wants to show */

/* The hook runs on a thread of the library, main on its own: what both touch is behind a lock. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t types;
};

static const char *type_name(uint32_t type)
{
    switch (type) {
    case AP_EVENT_ENQUEUED: return "ENQUEUED";
    case AP_EVENT_BUFFER_OVERFLOW: return "BUFFER_OVERFLOW";
    case AP_EVENT_DELIVERY_STARTED: return "DELIVERY_STARTED";
    case AP_EVENT_DELIVERY_FINISHED: return "DELIVERY_FINISHED";
    case AP_EVENT_DELIVERED: return "DELIVERED";
    case AP_EVENT_FAILED: return "FAILED";
    case AP_EVENT_RETRY: return "RETRY";
    case AP_EVENT_DROPPED: return "DROPPED";
    case AP_EVENT_STALLED: return "STALLED";
    case AP_EVENT_ERROR: return "ERROR";
    case AP_EVENT_LOG: return "LOG";
    case AP_EVENT_STATS: return "STATS";
    default: return "a type of a later version"; /* a program built today may meet one */
    }
}

static const char *fate(int32_t persistence)
{
    if (persistence == AP_PERSISTENCE_NO)
        return "not in Kafka";
    return persistence == AP_PERSISTENCE_YES ? "in Kafka" : "perhaps in Kafka";
}

/* What an event carries depends on its type; the header says it beside each. */
static void print_details(const ap_event_t *event)
{
    switch (event->type) {
    case AP_EVENT_ENQUEUED:
    case AP_EVENT_BUFFER_OVERFLOW:
        printf("topic=%s tag=%" PRIu64 " queue=%" PRIu64 "/%" PRIu64 " times=%" PRIu64, event->topic, event->tag,
               event->queue_size, event->max_queue_size, event->message_count);
        break;
    case AP_EVENT_DELIVERY_STARTED: printf("messages=%" PRIu64, event->message_count); break;
    case AP_EVENT_DELIVERY_FINISHED:
        printf("messages=%" PRIu64 " status=%s took=%" PRIu64 " us", event->message_count,
               ap_status_name(event->status), event->duration_us);
        break;
    case AP_EVENT_DELIVERED:
        printf("topic=%s partition=%" PRId32 " offset=%" PRId64 " tag=%" PRIu64 " after=%" PRIu64 " us", event->topic,
               event->partition, event->offset, event->tag, event->duration_us);
        break;
    case AP_EVENT_RETRY:
        printf("topic=%s partition=%" PRId32 " attempt=%" PRIu32 " pause=%" PRIu64 " us", event->topic,
               event->partition, event->attempt, event->duration_us);
        break;
    case AP_EVENT_FAILED:
    case AP_EVENT_DROPPED: /* these two hand the message back whole */
        printf("topic=%s tag=%" PRIu64 " value=\"%.*s\" %s: %s", event->topic, event->tag, (int)event->value_len,
               (const char *)event->value, fate(event->persistence), event->text);
        break;
    case AP_EVENT_STATS: printf("%zu bytes of JSON: %.50s...", event->value_len, (const char *)event->value); break;
    default: printf("%s", event->text); /* STALLED, ERROR, LOG */
    }
}

static void on_event(const ap_event_t *event, void *data)
{
    struct seen *seen = data;
    flockfile(stdout);
    printf("%-17s ", type_name(event->type));
    print_details(event);
    putchar('\n');
    funlockfile(stdout);

    pthread_mutex_lock(&seen->lock);
    seen->types |= event->type;
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

static void wait_for(struct seen *seen, uint32_t types)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&seen->lock);
    int late = 0;
    while ((seen->types & types) != types && !late)
        late = pthread_cond_timedwait(&seen->changed, &seen->lock, &until);
    pthread_mutex_unlock(&seen->lock);
    if (late)
        puts("(no such event within the time this example waits)");
}

static ap_status_t say(ap_producer_t *producer, const char *text, uint64_t tag)
{
    return ap_produce(producer, "events", NULL, 0, text, strlen(text), tag);
}

static void a_good_day(const char *brokers, struct seen *seen)
{
    puts("--- a cluster that answers");
    ap_config_t *config = ap_config_new();
    use_cluster(config, brokers, "20");
    set(config, "max_queue_size", "4");
    set(config, "max_buffer_size", "4");
    set(config, "statistics.interval.ms", "100");
    must(ap_config_set_event_callback(config, AP_EVENT_ALL, on_event, seen, NULL), "the callback", "");
    ap_producer_t *producer = start(config);
    ap_config_free(config);

    uint64_t tag = 1;
    while (say(producer, "one of many", tag) == AP_OK) /* faster than any broker, so the small queue fills up */
        tag++;
    ap_flush(producer, PATIENCE_S * 1000);

    ap_message_t lost = AP_MESSAGE_INIT;
    lost.topic = "events";
    lost.value = "to a partition that does not exist";
    lost.value_len = strlen(lost.value);
    lost.partition = 4711;
    lost.tag = ++tag;
    must(ap_produce_message(producer, &lost), "ap_produce_message", "");
    ap_flush(producer, PATIENCE_S * 1000);

    must(say(producer, "second thoughts", ++tag), "ap_produce", "");
    ap_clear(producer);
    wait_for(seen, AP_EVENT_STATS);
    ap_shutdown(producer, PATIENCE_S * 1000);
    ap_free(producer);
}

static void an_outage(struct seen *seen)
{
    puts("--- a cluster that is away");
    ap_config_t *config = ap_config_new();
    set(config, "bootstrap.servers", "127.0.0.1:1");
    set(config, "delivery_threshold", "1");
    set(config, "stall_report_interval", "0.5");
    must(ap_config_set_event_callback(config, AP_EVENT_ALL, on_event, seen, NULL), "the callback", "");
    ap_producer_t *producer = start(config);
    ap_config_free(config);

    must(say(producer, "is anybody there?", 1), "ap_produce", "");
    wait_for(seen, AP_EVENT_STALLED | AP_EVENT_ERROR | AP_EVENT_LOG);
    ap_status_t status = ap_shutdown(producer, 100); /* nobody answers, so the message comes back in an event */
    ap_free(producer);
    printf("ap_shutdown: %s\n", ap_status_name(status));
}

int main(int argc, char **argv)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    a_good_day(argc > 1 ? argv[1] : NULL, &seen);
    seen.types = 0; /* the first producer is freed: no hook runs now */
    an_outage(&seen);
    return 0;
}
