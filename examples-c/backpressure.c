/* Back-pressure: ap_produce() never waits for the network, so a program that is faster than Kafka meets
 * AP_ERR_BUFFER_OVERFLOW. Here are three answers: drop the message, wait a while for room, come back when events say
 * that there is room.
 *
 * `backpressure` uses a slow mock cluster inside the library, `backpressure host:port` a real Kafka. */
#include "example.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define MESSAGES 2000
#define PATIENCE_S 20

static ap_config_t *small_queue(const char *brokers)
{
    ap_config_t *config = ap_config_new();
    use_cluster(config, brokers, "10");
    set(config, "max_queue_size", "100");
    set(config, "max_buffer_size", "100");
    return config;
}

static ap_status_t produce(ap_producer_t *producer, uint64_t number)
{
    char text[32];
    int length = snprintf(text, sizeof text, "message %" PRIu64, number);
    return ap_produce(producer, "pressure", NULL, 0, text, (size_t)length, number);
}

/* Delivers what was accepted, and tells how it went. */
static void finish(ap_producer_t *producer, const char *answer)
{
    ap_shutdown(producer, PATIENCE_S * 1000);
    ap_stats_t stats = AP_STATS_INIT;
    must(ap_stats(producer, &stats), "ap_stats", "");
    printf("%-6s %d messages: %" PRIu64 " accepted, %" PRIu64 " overflows, %" PRIu64 " delivered\n", answer, MESSAGES,
           stats.accepted, stats.overflowed, stats.delivered);
    ap_free(producer);
}

/* 1. Drop: right for measurements and the like, where the next one is worth as much as this one. */
static void drop(const char *brokers)
{
    ap_config_t *config = small_queue(brokers);
    ap_producer_t *producer = start(config);
    ap_config_free(config);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        ap_status_t status = produce(producer, i);
        if (status != AP_ERR_BUFFER_OVERFLOW) /* an overflow is counted by the library: there is nothing else to do */
            must(status, "ap_produce", "");
    }
    finish(producer, "drop");
}

/* 2. Wait: right where the calling thread may stand still for a while. Waiters get room in the order they came. */
static void wait_for_room(const char *brokers)
{
    ap_config_t *config = small_queue(brokers);
    set(config, "overflow_wait", "10");
    ap_producer_t *producer = start(config);
    ap_config_free(config);
    for (uint64_t i = 0; i < MESSAGES; i++)
        must(produce(producer, i), "ap_produce", "after ten seconds without room");
    finish(producer, "wait");
}

/* 3. Come back: right where the thread has other work, or must not stand still without being able to stop. */
struct room {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t settled; /* each settled message leaves room for another one */
};

static void on_settled(const ap_event_t *event, void *data)
{
    struct room *room = data;
    (void)event;
    pthread_mutex_lock(&room->lock);
    room->settled++;
    pthread_cond_signal(&room->changed);
    pthread_mutex_unlock(&room->lock);
}

static uint64_t settled(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    uint64_t count = room->settled;
    pthread_mutex_unlock(&room->lock);
    return count;
}

/* Until more than `before` messages are settled. A program with an event loop would return to it instead. */
static bool wait_until_changed(struct room *room, uint64_t before)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    int late = 0;
    pthread_mutex_lock(&room->lock);
    while (room->settled == before && !late)
        late = pthread_cond_timedwait(&room->changed, &room->lock, &until);
    pthread_mutex_unlock(&room->lock);
    return !late;
}

static void come_back(const char *brokers)
{
    struct room room = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    ap_config_t *config = small_queue(brokers);
    uint32_t settlements = AP_EVENT_DELIVERED | AP_EVENT_FAILED | AP_EVENT_DROPPED;
    must(ap_config_set_event_callback(config, settlements, on_settled, &room, NULL), "the callback", "");
    ap_producer_t *producer = start(config);
    ap_config_free(config);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        for (;;) {
            uint64_t before = settled(&room); /* read first: room made after the refusal is not missed */
            ap_status_t status = produce(producer, i);
            if (status != AP_ERR_BUFFER_OVERFLOW) {
                must(status, "ap_produce", "");
                break;
            }
            ap_deliver(producer); /* so that what fills the queue is on its way, and something to wait for */
            if (!wait_until_changed(&room, before))
                must(AP_ERR_TIMED_OUT, "waiting for room", "");
        }
    }
    finish(producer, "retry");
}

int main(int argc, char **argv)
{
    const char *brokers = argc > 1 ? argv[1] : NULL;
    drop(brokers);
    wait_for_room(brokers);
    come_back(brokers);
    return 0;
}
