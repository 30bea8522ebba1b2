/*
 * pthread_cancel on a thread inside a call (row 57): the call goes on to its end, so that no lock is left held and no
 * frame unwound; then the thread is cancelled. Not shown: threads of the asynchronous cancelability type, which POSIX
 * allows to call nothing but three functions of its own.
 */
#include "check.h"

static ap_producer_t *producer;
static atomic_bool inside;

/* ---- Calls that wait ---------------------------------------------------------------------------------------------- */

static void shut_down(void) {
    (void)ap_shutdown(producer, -1);
}

static void flush(void) {
    (void)ap_flush(producer, -1);
}

static void poll_events(void) {
    (void)ap_poll(producer, -1, 100);
}

static void poll_entries(void) {
    ap_event_entry_t entries[10];
    (void)ap_poll_events(producer, -1, entries, sizeof *entries, 10);
}

static void *call_and_be_cancelled(void *argument) {
    void (*const *call)(void) = argument;
    atomic_store(&inside, true);
    (*call)();
    for (;;) pthread_testcancel(); /* at the latest here */
    return NULL;
}

static void check_cancelled(void (*call)(void)) {
    pthread_t thread;
    producer = producer_calling(NULL, NULL, 0, NO_BROKER, "event_mode", "poll", NULL);
    produce_tags(producer, 1, 10);
    WAIT_UNTIL(stats_of(producer).buffer_size == 10);
    atomic_store(&inside, false);
    thread = start(call_and_be_cancelled, &call);
    WAIT_UNTIL(atomic_load(&inside));
    nap(5); /* most are in the wait by then; what is cancelled before it is cancelled all the same */
    CHECK_EQ(pthread_cancel(thread), 0);
    nap(5);
    /* Whatever the thread held, the others get on. */
    (void)ap_wake(producer);
    (void)ap_deliver(producer);
    (void)stats_of(producer);
    (void)ap_shutdown(producer, 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    ap_free(producer);
}

static void r57_cancelled_while_it_waits(void) {
    for (int i = 0; i < 5; i++) {
        check_cancelled(shut_down);
        check_cancelled(flush);
        check_cancelled(poll_events);
        check_cancelled(poll_entries);
    }
}

/* ---- Calls that do not -------------------------------------------------------------------------------------------- */

/* A whole life with the cancellation pending: none of the calls has a cancellation point, so all of it is led. */
static void *live_while_cancelled(void *unused) {
    (void)unused;
    CHECK_EQ(pthread_cancel(pthread_self()), 0);
    recorder_t *recorder = malloc(sizeof *recorder);
    CHECK(recorder != NULL);
    recorder_start(recorder);
    ap_producer_t *mine = producer_with(recorder, AP_EVENT_ALL, MOCK, "event_mode", "poll", NULL);
    produce_tags(mine, 1, 10);
    CHECK_STATUS(ap_flush(mine, scaled(PATIENCE_MS)), AP_OK);
    CHECK_AT_LEAST(ap_poll(mine, 0, 1000), 10);
    CHECK_STATUS(ap_shutdown(mine, scaled(PATIENCE_MS)), AP_OK);
    ap_free(mine);
    recorder_end(recorder);
    free(recorder);
    atomic_store(&inside, true);
    for (;;) pthread_testcancel();
    return NULL;
}

static void r57_a_pending_cancellation_waits(void) {
    atomic_store(&inside, false);
    CHECK(join(start(live_while_cancelled, NULL)) == PTHREAD_CANCELED);
    CHECK(atomic_load(&inside));
}

int main(void) {
    watchdog(120);
    RUN(r57_cancelled_while_it_waits);
    RUN(r57_a_pending_cancellation_waits);
    return 0;
}
