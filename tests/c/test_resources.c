/*
 * Where the system has no memory, threads, descriptors or files left: AP_ERR_NO_MEMORY or AP_ERR_CLIENT, nothing queued, and
 * no harm; and it goes on when there are some again.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>

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

static void r61_no_memory_is_said(void) {
    in_a_child(produce_with_no_memory);
}

/* ---- Threads ------------------------------------------------------------------------------------------------------ */

/* Threads that can still be made; no limit of the system is needed, which would not bind root. */
static atomic_long threads_left = LONG_MAX;

static bool no_thread_left(void) {
    return atomic_fetch_sub(&threads_left, 1) <= 0;
}

/* The C library's function of a name; ISO C has no cast from void * to a function. */
static void find_next(const char *name, void *function) {
    void *symbol = dlsym(RTLD_NEXT, name);
    CHECK(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

/* They take the place of the C library's: Rust's std and this library use the one, librdkafka the other. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (no_thread_left()) return EAGAIN;
    find_next("pthread_create", &next);
    return next(thread, attributes, body, argument);
}

int thrd_create(thrd_t *thread, thrd_start_t body, void *argument) {
    int (*next)(thrd_t *, thrd_start_t, void *);
    if (no_thread_left()) return thrd_error;
    find_next("thrd_create", &next);
    return next(thread, body, argument);
}

static void produce_with_no_threads(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    atomic_store(&threads_left, 0);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_EQ(stats_of(producer).accepted, 0);
    CHECK_EQ(stats_of(producer).pending_bytes, 0);
    atomic_store(&threads_left, LONG_MAX);
    produce_tags(producer, 1, 3); /* the next call starts it */
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 3);
    finish(producer);
}

static void r59_no_threads_are_a_client_error(void) {
    in_a_child(produce_with_no_threads);
}

static void free_with_no_threads(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
    atomic_store(&threads_left, 0);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_CLIENT);
    CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    ap_free(producer);
}

static void r59_without_threads_it_ends_too(void) {
    in_a_child(free_with_no_threads);
}

static int threads_now(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/*
 * So many threads can be made and no more: whoever asks for the next one, the calls return and the message is settled. All
 * threads end where it is the check of ap_new, this library or the main thread of the client that gets none; a client whose
 * broker thread could not be made never ends (librdkafka waits for that thread), and is left to the background.
 */
static void live_with_few_threads(long threads) {
    char text[512];
    recorder_t recorder;
    ap_producer_t *producer = NULL;
    recorder_start(&recorder);
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(ap_config_set_event_callback(config, SETTLED, record_event, &recorder, NULL), AP_OK);
    int before = threads_now();
    atomic_store(&threads_left, threads);
    ap_status_t made = ap_new(config, &producer, text, sizeof text);
    CHECK_EITHER(made, AP_OK, AP_ERR_CLIENT);
    CHECK((made == AP_OK) == (producer != NULL));
    if (made == AP_OK) {
        ap_status_t status = produce_tag(producer, 1);
        CHECK_EITHER(status, AP_OK, AP_ERR_CLIENT);
        if (status == AP_OK) CHECK_STATUS(ap_deliver(producer), AP_OK);
        nap(20); /* the client is made meanwhile, or not */
        int64_t begin = now_ms();
        CHECK_STATUS(ap_shutdown(producer, 100), status == AP_OK ? AP_ERR_UNDELIVERED : AP_OK);
        CHECK_AT_MOST(now_ms() - begin, 100 + scaled(PATIENCE_MS));
        ap_free(producer);
        CHECK_EQ(recorder_count(&recorder, SETTLED), status == AP_OK);
    }
    atomic_store(&threads_left, LONG_MAX);
    if (threads <= 4) WAIT_UNTIL(threads_now() == before);
    ap_config_free(config);
    recorder_end(&recorder);
}

/* One of the check, two of ours, two or three of the client; beyond a dozen nothing fails. */
static void with_few_threads(void) {
    for (long threads = 0; threads < 12; threads++) live_with_few_threads(threads);
}

static void r59_threads_end_at_any_number(void) {
    in_a_child(with_few_threads);
}

/* ---- Descriptors -------------------------------------------------------------------------------------------------- */

/* What is connected goes on without new ones. (The mock cluster itself cannot be made without: it asserts.) */
static void deliver_with_no_descriptors(void) {
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    rlim_t limit = limit_to(RLIMIT_NOFILE, 3);
    produce_tags(producer, 6, 5);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    limit_to(RLIMIT_NOFILE, limit);
    finish(producer);
}

static void r60_connections_go_on_without_descriptors(void) {
    in_a_child(deliver_with_no_descriptors);
}

/* Not even a client can be made: the message waits, an event says why, and when there are descriptors it is made. */
static void wait_for_descriptors(void) {
    recorder_t recorder;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED | AP_EVENT_ERROR, NO_BROKER, NULL);
    rlim_t limit = limit_to(RLIMIT_NOFILE, 3);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    recorder_wait(&recorder, AP_EVENT_ERROR, 1);
    CHECK_EQ(stats_of(producer).buffer_size, 5);
    limit_to(RLIMIT_NOFILE, limit);
    size_t errors = recorder_count(&recorder, AP_EVENT_ERROR);
    recorder_wait(&recorder, AP_EVENT_ERROR, errors + 1); /* the next is of the connection that is refused */
    CHECK_STATUS(ap_shutdown(producer, 100), AP_ERR_UNDELIVERED);
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED | AP_EVENT_FAILED), 5);
    recorder_end(&recorder);
}

static void r60_messages_wait_for_descriptors(void) {
    in_a_child(wait_for_descriptors);
}

/* ---- Files -------------------------------------------------------------------------------------------------------- */

/* From here on this process opens no file: no /proc, no /etc, as in an empty chroot or a sandbox. For every user. */
static void forbid_files(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOENT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    CHECK(fopen("/proc/self/status", "r") == NULL);
}

static void live_without_files(void) {
    forbid_files();
    ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
    produce_tags(producer, 1, 100);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK_EQ(stats_of(producer).delivered, 100);
    finish(producer);
}

static void r68_no_file_can_be_opened(void) {
    in_a_child(live_without_files);
}

/* ---- Small stacks ------------------------------------------------------------------------------------------------- */

static void *call_on_a_small_stack(void *argument) {
    ap_producer_t *producer = argument;
    ap_message_t message = AP_MESSAGE_INIT;
    ap_header_t header = {"name", "value", 5};
    ap_stats_t stats = AP_STATS_INIT;
    message.topic = "greetings", message.headers = &header, message.header_count = 1;
    CHECK_STATUS(produce_tag(producer, 1), AP_OK);
    CHECK_STATUS(ap_produce_message(producer, &message), AP_OK);
    CHECK_EQ(ap_produce_batch(producer, &message, 1), 1);
    CHECK_STATUS(ap_produce(producer, "bad topic", NULL, 0, NULL, 0, 0), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_STATUS(ap_stats(producer, &stats), AP_OK);
    CHECK_STATUS(ap_flush(producer, 1), AP_ERR_TIMED_OUT);
    CHECK_AT_LEAST(ap_poll(producer, 0, 10), 0);
    CHECK_STATUS(ap_wake(producer), AP_OK);
    (void)ap_shutdown(producer, 0);
    ap_free(producer);
    return NULL;
}

/* Calls on a thread whose stack is of that size, or a few kB more where the C library makes none so small. */
static void check_stack(size_t size, ap_producer_t *producer) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, size), 0);
    while (pthread_create(&thread, &attributes, call_on_a_small_stack, producer) == EINVAL) {
        size += 4 * 1024;
        CHECK_AT_MOST(size, 32 * 1024);
        CHECK_EQ(pthread_attr_setstacksize(&attributes, size), 0);
    }
    pthread_attr_destroy(&attributes);
    join(thread);
    printf("  %zu bytes\n", size);
}

/* The first message copies librdkafka's configuration, which takes 10 kB of stack; the calls after it next to nothing. */
static void r58_the_smallest_stacks(void) {
    ap_producer_t *fresh = producer_calling(NULL, NULL, 0, NO_BROKER, "event_mode", "poll", NULL);
    check_stack(32 * 1024, fresh);
    ap_producer_t *running = producer_calling(NULL, NULL, 0, NO_BROKER, "event_mode", "poll", NULL);
    produce_tags(running, 1, 1);
    check_stack(16 * 1024, running);
}

int main(void) {
    watchdog(200);
    RUN(r61_no_memory_is_said);
    RUN(r59_no_threads_are_a_client_error);
    RUN(r59_without_threads_it_ends_too);
    RUN(r59_threads_end_at_any_number);
    RUN(r60_connections_go_on_without_descriptors);
    RUN(r60_messages_wait_for_descriptors);
    RUN(r68_no_file_can_be_opened);
    RUN(r58_the_smallest_stacks);
    return 0;
}
