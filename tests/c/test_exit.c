/* A program that ends without ap_shutdown() or ap_free() ends all the same: no crash, no hang. */
#include "check.h"

#include <sys/wait.h>

static ap_producer_t *producer;

static void ignore_event(const ap_event_t *event, void *user_data) {
    (void)user_data;
    check_event(event);
}

static void free_at_exit(void) {
    ap_free(producer);
}

static void shut_down_at_exit(void) {
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
}

static void r56_just_end(void) {
    producer = producer_calling(ignore_event, NULL, AP_EVENT_ALL, NO_BROKER, NULL);
}

static void r56_end_with_messages(void) {
    producer = producer_calling(ignore_event, NULL, AP_EVENT_ALL, NO_BROKER, NULL);
    produce_tags(producer, 1, 50);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
}

static void r56_end_while_delivering(void) {
    producer = producer_calling(ignore_event, NULL, AP_EVENT_ALL, MOCK, NULL);
    produce_tags(producer, 1, 500);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(stats_of(producer).delivered > 0);
}

static void r56_end_and_free(void) {
    CHECK_EQ(atexit(free_at_exit), 0); /* runs after the library's own handlers, if it has any */
    r56_end_while_delivering();
}

static void r56_end_and_shut_down(void) {
    CHECK_EQ(atexit(shut_down_at_exit), 0);
    r56_end_while_delivering();
}

static void *produce_always(void *unused) {
    (void)unused;
    for (uint64_t i = 0;; i++) (void)produce_tag(producer, i);
    return NULL;
}

static void r56_end_while_others_produce(void) {
    r56_end_while_delivering();
    for (int i = 0; i < 3; i++) (void)start(produce_always, NULL);
    nap(20);
}

static void *wait_for_ever(void *unused) {
    (void)unused;
    (void)ap_flush(producer, -1);
    return NULL;
}

static void r56_end_while_others_wait(void) {
    r56_end_with_messages();
    for (int i = 0; i < 3; i++) (void)start(wait_for_ever, NULL);
    nap(20);
}

static void r56_end_with_a_held_hook(void) {
    static recorder_t recorder;
    recorder_start(&recorder);
    recorder_hold(&recorder, true);
    producer = producer_with(&recorder, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(recorder_inside(&recorder));
}

static atomic_bool left;

static void leave_the_thread(const ap_event_t *event, void *user_data) {
    (void)event, (void)user_data;
    atomic_store(&left, true);
    pthread_exit(NULL);
}

/* A hook that ends its thread, as Python's does at the end of its interpreter: no event comes any more, nothing hangs. */
static void r48_end_after_a_hook_that_ended_its_thread(void) {
    producer = producer_calling(leave_the_thread, NULL, SETTLED, MOCK, NULL);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(atomic_load(&left));
    WAIT_UNTIL(stats_of(producer).delivered == 5);
    ap_free(producer);
}

/* Runs a program's life in a process of its own, which has not used the library before. */
static void check_ends(const char *name, void (*life)(void)) {
    int status = -1;
    printf("%s\n", name);
    fflush(NULL);
    pid_t pid = fork();
    CHECK_AT_LEAST(pid, 0);
    if (pid == 0) {
        watchdog(40); /* more than the patience of the life */
        life();
        alarm(10 * (unsigned)slowness()); /* but ending is a matter of moments */
        exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) fprintf(stderr, "%s: signal %d\n", name, WTERMSIG(status));
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

#define CHECK_ENDS(life) check_ends(#life, life)

int main(void) {
    watchdog(300);
    CHECK_ENDS(r56_just_end);
    CHECK_ENDS(r56_end_with_messages);
    for (int i = 0; i < 10; i++) {
        CHECK_ENDS(r56_end_while_delivering);
        CHECK_ENDS(r56_end_and_free);
        CHECK_ENDS(r56_end_and_shut_down);
        CHECK_ENDS(r56_end_while_others_produce);
    }
    CHECK_ENDS(r56_end_while_others_wait);
    CHECK_ENDS(r56_end_with_a_held_hook);
    CHECK_ENDS(r48_end_after_a_hook_that_ended_its_thread);
    return 0;
}
