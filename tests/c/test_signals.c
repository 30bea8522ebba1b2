/* Signals are the program's: the threads of the library block all of them, and none ends a wait early. */
#include "check.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static pthread_t main_thread;
static volatile sig_atomic_t caught, caught_elsewhere;

static void note_signal(int signal) {
    (void)signal;
    caught = 1;
    if (!pthread_equal(pthread_self(), main_thread)) caught_elsewhere = 1;
}

static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal; /* without SA_RESTART: calls are interrupted */
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

/* ---- The masks of the threads ------------------------------------------------------------------------------------ */

/* The signals a thread blocks, as a number; the thread may end meanwhile. */
static bool blocked_signals(const char *task, uint64_t *mask) {
    char path[320], line[256];
    bool found = false;
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    file = fopen(path, "r");
    if (file == NULL) return false;
    while (!found && fgets(line, sizeof line, file) != NULL) found = sscanf(line, "SigBlk: %" SCNx64, mask) == 1;
    fclose(file);
    return found;
}

/* All that can be blocked; 32 and 33 are the C library's own, which it does not let anyone block. */
static uint64_t all_signals(void) {
    uint64_t mask = UINT64_MAX;
    static const int never[] = {SIGKILL, SIGSTOP, 32, 33};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) mask &= ~(UINT64_C(1) << (never[i] - 1));
    return mask;
}

/* Checks every thread but the main one; answers how many there are. */
static int check_masks(void) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    int count = 0;
    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        uint64_t mask;
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) continue;
        if (!blocked_signals(task->d_name, &mask)) continue;
        if ((mask & all_signals()) != all_signals()) fprintf(stderr, "thread %s: %" PRIx64 "\n", task->d_name, mask);
        CHECK((mask & all_signals()) == all_signals());
        count++;
    }
    closedir(tasks);
    return count;
}

static void check_masks_of(const char *key, const char *value, const char *event_mode) {
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, AP_EVENT_ALL, key, value, "event_mode", event_mode,
                                            "delivery_interval", "0.05", "statistics.interval.ms", "50", NULL);
    produce_tags(producer, 1, 50);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    WAIT_UNTIL(stats_of(producer).deliveries > 0);
    for (int64_t until = now_ms() + 300; now_ms() < until; nap(10)) CHECK_AT_LEAST(check_masks(), 1);
    ap_free(producer);
    recorder_end(&recorder);
}

static void r53_threads_of_the_library_block_all(void) {
    check_masks_of(MOCK, "callback");
    check_masks_of(MOCK, "poll");
    check_masks_of(NO_BROKER, "callback");
}

/* ---- Storms ------------------------------------------------------------------------------------------------------ */

/* A child, forked before the library has done anything, that sends signals to this process until it is killed. */
static pid_t start_storm(void) {
    pid_t parent = getpid(), pid = fork();
    CHECK_AT_LEAST(pid, 0);
    while (pid == 0) {
        if (kill(parent, SIGUSR1) != 0 || getppid() != parent) _exit(0);
        nap(0);
    }
    return pid;
}

static void end_storm(pid_t pid) {
    CHECK_EQ(kill(pid, SIGKILL), 0);
    while (waitpid(pid, NULL, 0) < 0) continue; /* interrupted */
    CHECK(caught);
    CHECK(!caught_elsewhere);
}

static void r53_a_life_in_a_storm(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    pid_t storm = start_storm();
    for (int i = 0; i < 5; i++) {
        recorder_clear(&recorder);
        ap_producer_t *producer = producer_with(&recorder, SETTLED, MOCK, "delivery_threshold", "7", NULL);
        produce_tags(producer, 0, 500);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        CHECK_EQ(stats_of(producer).delivered, 500);
        finish(producer);
        CHECK_EQ(recorder_count(&recorder, AP_EVENT_DELIVERED), 500);
    }
    end_storm(storm);
    recorder_end(&recorder);
}

static void r53_waits_last_in_a_storm(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "event_mode", "poll", NULL);
    pid_t storm = start_storm();
    int64_t begin = now_ms();
    CHECK_EQ(ap_poll(producer, 500, 1), 0);
    CHECK_AT_LEAST(now_ms() - begin, 499);
    produce_tags(producer, 1, 3);
    begin = now_ms();
    CHECK_STATUS(ap_flush(producer, 500), AP_ERR_TIMED_OUT);
    CHECK_AT_LEAST(now_ms() - begin, 499);
    begin = now_ms();
    CHECK_STATUS(ap_shutdown(producer, 500), AP_ERR_UNDELIVERED);
    CHECK_AT_LEAST(now_ms() - begin, 499);
    end_storm(storm);
    ap_free(producer);
}

/* The mask of the thread that calls is its own again after each call. */
static void the_callers_mask_is_left_alone(void) {
    sigset_t before, after;
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 1);
    finish(producer);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    for (int i = 1; i < 65; i++) CHECK_EQ(sigismember(&after, i), sigismember(&before, i));
}

/* What the program did with SIGPIPE is as it was: a library that ignores it for all would be noticed here. */
static void dispositions_are_left_alone(void) {
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        if (i == SIGALRM || i == SIGUSR1 || i == SIGKILL || i == SIGSTOP) continue;
        CHECK_EQ(sigaction(i, NULL, &action), 0);
        CHECK(action.sa_handler == SIG_DFL);
    }
}

int main(void) {
    /* A runner may start programs with signals ignored. */
    for (int i = 1; i < 32; i++) (void)signal(i, SIG_DFL);
    main_thread = pthread_self();
    watchdog(120);
    catch_signals();
    RUN(r53_threads_of_the_library_block_all);
    RUN(r53_a_life_in_a_storm);
    RUN(r53_waits_last_in_a_storm);
    RUN(the_callers_mask_is_left_alone);
    RUN(dispositions_are_left_alone);
    return 0;
}
