/* overflow_wait: ap_produce() waits that long for room, and waiters are served in order. */
#include "check.h"

static recorder_t recorder;

/*
 * Room for two, and each of them taken by a message that is delivered but whose event is not read: so every ap_poll()
 * of one event makes room for exactly one message.
 */
static ap_producer_t *full_producer(const char *overflow_wait) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "event_mode", "poll", "max_queue_size", "1",
                                            "max_buffer_size", "1", "overflow_wait", overflow_wait, NULL);
    produce_tags(producer, 1, 2);
    WAIT_UNTIL(stats_of(producer).unread_events >= 1);
    return producer;
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void make_room_for_one(ap_producer_t *producer) {
    CHECK_EQ(ap_poll(producer, scaled(PATIENCE_MS), 1), 1);
}

typedef struct {
    ap_producer_t *producer;
    uint64_t tag;
    atomic_bool done;
    ap_status_t status;
    char task[64]; /* the thread below /proc */
    atomic_bool began;
} waiter_t;

static void *wait_for_room(void *argument) {
    waiter_t *waiter = argument;
    ssize_t len = readlink("/proc/thread-self", waiter->task, sizeof waiter->task - 1);
    CHECK(len > 0);
    waiter->task[len] = 0;
    atomic_store(&waiter->began, true);
    waiter->status = produce_tag(waiter->producer, waiter->tag);
    atomic_store(&waiter->done, true);
    return NULL;
}

/* Whether the kernel says that a thread sleeps. */
static bool sleeps(const waiter_t *waiter) {
    char path[128], line[512], *state;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%s/stat", waiter->task);
    file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fgets(line, sizeof line, file) != NULL);
    fclose(file);
    state = strrchr(line, ')');
    CHECK(state != NULL);
    return state[2] == 'S';
}

/* Starts a thread that waits for room. Nothing tells that it waits but that it sleeps, and goes on sleeping. */
static pthread_t start_waiter(waiter_t *waiter, ap_producer_t *producer, uint64_t tag) {
    memset(waiter, 0, sizeof *waiter);
    waiter->producer = producer;
    waiter->tag = tag;
    pthread_t thread = start(wait_for_room, waiter);
    WAIT_UNTIL(atomic_load(&waiter->began));
    for (int asleep = 0; asleep < 50; nap(2)) asleep = sleeps(waiter) ? asleep + 1 : 0;
    CHECK(!atomic_load(&waiter->done));
    return thread;
}

static void without_it_the_answer_comes_at_once(void) {
    ap_producer_t *producer = full_producer("0");
    CHECK_STATUS(produce_tag(producer, 3), AP_ERR_BUFFER_OVERFLOW);
    end(producer);
}

static void the_time_passes_where_no_room_comes(void) {
    ap_producer_t *producer = full_producer("0.3");
    int64_t begin = now_ms();
    CHECK_STATUS(produce_tag(producer, 3), AP_ERR_BUFFER_OVERFLOW);
    CHECK_AT_LEAST(now_ms() - begin, 299);
    CHECK_EQ(stats_of(producer).overflowed, 1);
    CHECK_EQ(stats_of(producer).accepted, 2);
    end(producer);
}

static void it_ends_when_room_comes(void) {
    waiter_t waiter;
    ap_producer_t *producer = full_producer("1000");
    pthread_t thread = start_waiter(&waiter, producer, 3);
    make_room_for_one(producer);
    join(thread);
    CHECK_STATUS(waiter.status, AP_OK);
    CHECK_EQ(stats_of(producer).overflowed, 0); /* it was not refused */
    end(producer);
}

static void waiters_are_served_in_order(void) {
    enum { WAITERS = 5 };
    static waiter_t waiters[WAITERS];
    pthread_t threads[WAITERS];
    ap_producer_t *producer = full_producer("1000");
    for (uint64_t i = 0; i < WAITERS; i++) threads[i] = start_waiter(&waiters[i], producer, 10 + i);
    for (int i = 0; i < WAITERS; i++) {
        make_room_for_one(producer);
        join(threads[i]);
        CHECK_STATUS(waiters[i].status, AP_OK);
        for (int j = i + 1; j < WAITERS; j++) CHECK(!atomic_load(&waiters[j].done));
    }
    end(producer);
}

/* One who comes when others wait does not get ahead of them. */
static void nobody_overtakes_the_waiters(void) {
    static waiter_t first, second;
    ap_producer_t *producer = full_producer("1000");
    pthread_t one = start_waiter(&first, producer, 10);
    make_room_for_one(producer);
    pthread_t two = start_waiter(&second, producer, 11); /* the room is the first one's, waked up yet or not */
    join(one);
    CHECK_STATUS(first.status, AP_OK);
    CHECK(!atomic_load(&second.done));
    make_room_for_one(producer);
    join(two);
    CHECK_STATUS(second.status, AP_OK);
    end(producer);
}

static void shutdown_ends_it(void) {
    waiter_t waiter;
    ap_producer_t *producer = full_producer("1000");
    pthread_t thread = start_waiter(&waiter, producer, 3);
    (void)ap_shutdown(producer, 0);
    join(thread);
    CHECK_STATUS(waiter.status, AP_ERR_SHUT_DOWN);
    CHECK_EQ(stats_of(producer).accepted, 2);
    end(producer);
}

static void clearing_makes_room(void) {
    waiter_t waiter;
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "2", "max_buffer_size", "2",
                                               "overflow_wait", "1000", NULL);
    produce_tags(producer, 1, 4);
    pthread_t thread = start_waiter(&waiter, producer, 9);
    CHECK_EQ(ap_clear(producer), 4); /* without a broker nothing is on its way */
    join(thread);
    CHECK_STATUS(waiter.status, AP_OK);
    ap_free(producer);
}

/* A batch waits for each of its messages; what it got in is what it answers. */
static void a_batch_waits_for_each_message(void) {
    ap_message_t messages[3];
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_queue_size", "1", "max_buffer_size", "1",
                                               "overflow_wait", "0.2", NULL);
    for (uint64_t i = 0; i < 3; i++) {
        messages[i] = (ap_message_t)AP_MESSAGE_INIT;
        messages[i].topic = "greetings";
    }
    int64_t begin = now_ms();
    CHECK_EQ(ap_produce_batch(producer, messages, 3), 2);
    CHECK_AT_LEAST(now_ms() - begin, 199);
    ap_free(producer);
}

/* With a place to go, everybody gets through, however many there are. */
enum { MAKERS = 12, EACH = 100 };

static void *produce_all(void *producer) {
    for (uint64_t i = 0; i < EACH; i++) CHECK_STATUS(produce_tag(producer, i), AP_OK);
    return NULL;
}

static void many_waiters_all_get_through(void) {
    pthread_t threads[MAKERS];
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, "max_queue_size", "3", "max_buffer_size", "3",
                                               "overflow_wait", "1000", NULL);
    for (int i = 0; i < MAKERS; i++) threads[i] = start(produce_all, producer);
    for (int i = 0; i < MAKERS; i++) join(threads[i]);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, MAKERS * EACH);
    CHECK_EQ(stats_of(producer).overflowed, 0);
    ap_free(producer);
}

int main(void) {
    watchdog(120);
    RUN(without_it_the_answer_comes_at_once);
    RUN(the_time_passes_where_no_room_comes);
    RUN(it_ends_when_room_comes);
    RUN(waiters_are_served_in_order);
    RUN(nobody_overtakes_the_waiters);
    RUN(shutdown_ends_it);
    RUN(clearing_makes_room);
    RUN(a_batch_waits_for_each_message);
    RUN(many_waiters_all_get_through);
    return 0;
}
