/* Where the system has no memory or threads left: AP_ERR_NO_MEMORY and AP_ERR_CLIENT, nothing queued, and no harm. */
#include "check.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { LARGE = 64 << 20 };

/* Runs what changes the limits of a process in one of its own. */
static void in_a_child(void (*body)(void)) {
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    CHECK_AT_LEAST(pid, 0);
    if (pid == 0) {
        watchdog(60);
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) exit(SKIPPED);
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* The address space the process has now, in bytes. */
static rlim_t address_space(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    CHECK_EQ(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Sets the soft limit, and answers the one there was. */
static rlim_t limit_to(int resource, rlim_t soft) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(resource, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = soft;
    CHECK_EQ(setrlimit(resource, &limit), 0);
    return before;
}

static void produce_with_no_memory(void) {
    char *value = calloc(1, LARGE);
    ap_message_t messages[2] = {AP_MESSAGE_INIT, AP_MESSAGE_INIT};
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, "max_pending_bytes", "0", "max_buffer_bytesize",
                                               "1000000000", "message.max.bytes", "100000000", NULL);
    CHECK(value != NULL);
    memset(value, 'x', LARGE);
    produce_tags(producer, 1, 1); /* so that the threads are there already */
    WAIT_UNTIL(stats_of(producer).buffer_size == 1);
    for (int i = 0; i < 2; i++) messages[i].topic = "greetings", messages[i].value = value, messages[i].value_len = LARGE;
    uint64_t before = stats_of(producer).pending_bytes;
    rlim_t limit = limit_to(RLIMIT_AS, address_space() + LARGE / 2);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, LARGE, 2), AP_ERR_NO_MEMORY);
    CHECK_STATUS(ap_produce(producer, "greetings", value, LARGE, NULL, 0, 2), AP_ERR_NO_MEMORY);
    CHECK_STATUS(ap_produce_message(producer, &messages[0]), AP_ERR_NO_MEMORY);
    CHECK_STATUS(ap_produce_batch(producer, messages, 2), AP_ERR_NO_MEMORY);
    CHECK_EQ(stats_of(producer).accepted, 1);
    CHECK_EQ(stats_of(producer).pending_bytes, before);
    CHECK_STATUS(produce_tag(producer, 3), AP_OK); /* small ones go on */
    limit_to(RLIMIT_AS, limit);
    CHECK_STATUS(ap_produce(producer, "greetings", NULL, 0, value, LARGE, 4), AP_OK);
    CHECK_EQ(ap_clear(producer), 3);
    ap_free(producer);
    free(value);
}

static void no_memory_is_said(void) {
    in_a_child(produce_with_no_memory);
}

/* root is above RLIMIT_NPROC: be nobody. */
static void become_nobody(void) {
    if (getuid() != 0) return;
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(SKIPPED);
}

static void produce_with_no_threads(void) {
    become_nobody();
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    rlim_t limit = limit_to(RLIMIT_NPROC, 0);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    limit_to(RLIMIT_NPROC, limit);
    produce_tags(producer, 1, 3); /* the next call starts it */
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 3);
    finish(producer);
}

static void no_threads_are_a_client_error(void) {
    in_a_child(produce_with_no_threads);
}

static void free_with_no_threads(void) {
    become_nobody();
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    (void)limit_to(RLIMIT_NPROC, 0);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    ap_free(producer);
}

static void without_threads_it_ends_too(void) {
    in_a_child(free_with_no_threads);
}

int main(void) {
    watchdog(120);
    RUN(no_memory_is_said);
    RUN(no_threads_are_a_client_error);
    RUN(without_threads_it_ends_too);
    return 0;
}
