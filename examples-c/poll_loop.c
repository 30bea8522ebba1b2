/* Poll mode: no thread of the library ever enters the program. Its events come when the program asks for them, here
 * in a loop that waits for them and for a timer at once, as an event loop (epoll, libuv, glib) would.
 *
 * `poll_loop` uses the mock cluster inside the library, `poll_loop host:port` a real Kafka. */
#include "example.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define TICKS 10
#define TICK_MS 50
#define EVENTS_MAX 16 /* events taken in one go, so that a flood of them does not hold up the timer */

/* No lock: the callback runs inside ap_poll(), on the thread of the loop. */
struct loop {
    ap_producer_t *producer;
    int64_t next_tick_ms;
    uint64_t sent, settled;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_event(const ap_event_t *event, void *data)
{
    struct loop *loop = data;
    loop->settled++;
    if (event->type == AP_EVENT_DELIVERED)
        printf("tick %" PRIu64 " delivered at offset %" PRId64 "\n", event->tag, event->offset);
    else
        printf("tick %" PRIu64 " not delivered: %s\n", event->tag, event->text);
}

static void tick(struct loop *loop)
{
    char text[32];
    int length = snprintf(text, sizeof text, "tick %" PRIu64, loop->sent);
    must(ap_produce(loop->producer, "ticks", NULL, 0, text, (size_t)length, loop->sent), "ap_produce", "");
    loop->sent++;
    loop->next_tick_ms += TICK_MS;
    printf("%s sent\n", text);
}

static void run(struct loop *loop, int event_fd)
{
    while (loop->settled < TICKS) {
        int64_t left = loop->next_tick_ms - now_ms();
        int timeout = loop->sent == TICKS ? -1 : left > 0 ? (int)left : 0;
        struct pollfd events = {event_fd, POLLIN, 0};
        poll(&events, 1, timeout);

        if (events.revents) /* still readable on the next round where more than EVENTS_MAX wait */
            ap_poll(loop->producer, 0, EVENTS_MAX);
        if (loop->sent < TICKS && now_ms() >= loop->next_tick_ms)
            tick(loop);
    }
}

int main(int argc, char **argv)
{
    struct loop loop = {.next_tick_ms = now_ms()};
    ap_config_t *config = ap_config_new();
    use_cluster(config, argc > 1 ? argv[1] : NULL, "5");
    set(config, "event_mode", "poll");
    set(config, "delivery_threshold", "3");
    set(config, "delivery_interval", "0.2");
    uint32_t settlements = AP_EVENT_DELIVERED | AP_EVENT_FAILED | AP_EVENT_DROPPED;
    must(ap_config_set_event_callback(config, settlements, on_event, &loop, NULL), "the callback", "");
    loop.producer = start(config);
    ap_config_free(config);

    int event_fd = ap_event_fd(loop.producer);
    if (event_fd < 0)
        must((ap_status_t)event_fd, "ap_event_fd", "");
    run(&loop, event_fd);
    close(event_fd);

    ap_status_t status = ap_shutdown(loop.producer, 10000); /* everything is settled, so it does not wait */
    ap_free(loop.producer);
    printf("%" PRIu64 " sent, %" PRIu64 " settled\n", loop.sent, loop.settled);
    must(status, "ap_shutdown", "");
    return 0;
}
