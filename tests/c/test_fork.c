/*
 * After a fork the child may go on using the producer: its queue starts empty there, its client is its own, and the
 * parent keeps its messages. With test.mock.num.brokers each process has a cluster of its own, so that a child sees
 * whether its messages, and only its own, are delivered.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "check.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* The storm ends with its time where the machine is too busy for all of its forks; it says how many there were. */
enum { FORKS = 100, AT_ONCE = 4, STORM_FORKS = 10000, STORM_MS = 40000, STORM_AT_ONCE = 8, WORKERS = 8 };
enum { CHILD_MESSAGES = 20, MAKERS = 3, MOST = 1 << 20 };

/* What the hook has seen, of the tags first to first + MOST - 1; each process has its own after the fork. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned char settled[MOST];
static uint64_t first;
static uint64_t delivered, foreign;

static void count_delivered(const ap_event_t *event, void *user_data) {
    (void)user_data;
    pthread_mutex_lock(&mutex);
    if (event->tag < first || event->tag >= first + MOST) {
        foreign++;
    } else {
        settled[event->tag - first]++;
        delivered += event->type == AP_EVENT_DELIVERED;
    }
    pthread_mutex_unlock(&mutex);
}

static uint64_t delivered_count(void) {
    pthread_mutex_lock(&mutex);
    uint64_t count = delivered;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* In the child, which has one thread: the mutex may have been another's at the fork. */
static void start_counting(uint64_t first_tag) {
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    memset(settled, 0, sizeof settled);
    first = first_tag;
    delivered = 0;
    foreign = 0;
}

static void check_settled_once(uint64_t count) {
    pthread_mutex_lock(&mutex);
    CHECK_EQ(foreign, 0);
    CHECK_EQ(delivered, count);
    for (uint64_t i = 0; i < MOST; i++) CHECK_EQ(settled[i], i < count);
    pthread_mutex_unlock(&mutex);
}

static ap_producer_t *mock(void) {
    start_counting(0);
    return producer_calling(count_delivered, NULL, SETTLED, MOCK, "delivery_threshold", "20", NULL);
}

/* ---- The child's life -------------------------------------------------------------------------------------------- */

static uint64_t child_tag(uint64_t number) {
    return (number + 1) << 32;
}

static void be_a_child(ap_producer_t *producer, uint64_t number) {
    watchdog(60);
    start_counting(child_tag(number));
    ap_stats_t stats = stats_of(producer);
    CHECK_EQ(stats.accepted + stats.queue_size + stats.buffer_size + stats.in_flight + stats.pending_bytes, 0);
    produce_tags(producer, first, CHILD_MESSAGES);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(delivered_count() == CHILD_MESSAGES);
    CHECK_EQ(stats_of(producer).delivered, CHILD_MESSAGES);
    if (number % 3 != 0) CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    if (number % 3 == 2) ap_free(producer);
    check_settled_once(CHILD_MESSAGES);
}

/* Some children end as programs do, with their exit handlers; some at once, as after a failed exec. */
static void end_child(uint64_t number) {
    if (number % 2 == 0) exit(0);
    _exit(0);
}

static pid_t fork_child(void (*life)(ap_producer_t *, uint64_t), ap_producer_t *producer, uint64_t number) {
    fflush(NULL);
    pid_t pid = fork();
    CHECK_AT_LEAST(pid, 0);
    if (pid == 0) {
        life(producer, number);
        end_child(number);
    }
    return pid;
}

static void check_child(pid_t pid) {
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* ---- Under load -------------------------------------------------------------------------------------------------- */

static atomic_bool stop;
static _Atomic uint64_t next_tag;

/* Tags are taken one by one and kept until accepted, so that the accepted ones are 0 to next_tag - 1. */
static void *produce_always(void *producer) {
    while (!atomic_load(&stop)) {
        uint64_t tag = atomic_fetch_add(&next_tag, 1);
        ap_status_t status;
        CHECK(tag < MOST);
        while ((status = produce_tag(producer, tag)) == AP_ERR_BUFFER_OVERFLOW) nap(1);
        CHECK_STATUS(status, AP_OK);
        if (tag % 8 == 0) nap(1); /* a steady load, and no more tags than are counted */
    }
    return NULL;
}

static void r51_children_work_on_under_load(void) {
    pthread_t makers[MAKERS];
    ap_producer_t *producer = mock();
    atomic_store(&stop, false);
    atomic_store(&next_tag, 0);
    for (int i = 0; i < MAKERS; i++) makers[i] = start(produce_always, producer);
    WAIT_UNTIL(delivered_count() > 0);
    for (uint64_t i = 0; i < FORKS; i += AT_ONCE) {
        pid_t pids[AT_ONCE];
        for (uint64_t j = 0; j < AT_ONCE; j++) pids[j] = fork_child(be_a_child, producer, i + j);
        for (uint64_t j = 0; j < AT_ONCE; j++) check_child(pids[j]);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < MAKERS; i++) join(makers[i]);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
    check_settled_once(atomic_load(&next_tag));
}

/* ---- One fork at a time ------------------------------------------------------------------------------------------ */

/* Before the first message there is no thread and no client; parent and child both start their own. */
static void r51_a_producer_may_be_made_before_the_fork(void) {
    ap_producer_t *producer = mock();
    pid_t pids[3];
    for (uint64_t i = 0; i < 3; i++) pids[i] = fork_child(be_a_child, producer, i);
    produce_tags(producer, 0, 50);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    for (int i = 0; i < 3; i++) check_child(pids[i]);
    ap_free(producer);
    check_settled_once(50);
}

/* Messages that wait in the parent at the fork are the parent's alone. */
static void r51_waiting_messages_stay_with_the_parent(void) {
    start_counting(0);
    ap_producer_t *producer = producer_calling(count_delivered, NULL, SETTLED, MOCK, NULL);
    produce_tags(producer, 0, 100);
    WAIT_UNTIL(stats_of(producer).buffer_size == 100);
    check_child(fork_child(be_a_child, producer, 1));
    CHECK_EQ(stats_of(producer).accepted, 100);
    CHECK_EQ(delivered_count(), 0);
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
    check_settled_once(100);
}

static void leave(ap_producer_t *producer, uint64_t number) {
    (void)producer, (void)number;
    watchdog(30);
}

static void free_at_once(ap_producer_t *producer, uint64_t number) {
    watchdog(30);
    start_counting(child_tag(number));
    ap_free(producer);
    check_settled_once(0); /* nothing of the parent's is reported here */
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_INVALID_ARGUMENT);
}

static void shut_down_at_once(ap_producer_t *producer, uint64_t number) {
    watchdog(30);
    start_counting(child_tag(number));
    CHECK_STATUS(ap_shutdown(producer, -1), AP_OK);
    CHECK_STATUS(produce_tag(producer, 1), AP_ERR_SHUT_DOWN);
    check_settled_once(0);
}

static void call_the_rest(ap_producer_t *producer, uint64_t number) {
    watchdog(30);
    start_counting(child_tag(number));
    CHECK_EQ(ap_clear(producer), 0);
    CHECK_STATUS(ap_wake(producer), AP_OK);
    CHECK_STATUS(ap_deliver(producer), AP_OK);
    CHECK_STATUS(ap_flush(producer, -1), AP_OK); /* nothing was accepted here */
    check_settled_once(0);
}

/* The child may end in any way it likes, and the parent does not notice. */
static void r51_children_may_do_anything_first(void) {
    void (*const lives[])(ap_producer_t *, uint64_t) = {leave, free_at_once, shut_down_at_once, call_the_rest};
    ap_producer_t *producer = mock();
    uint64_t produced = 0;
    for (uint64_t i = 0; i < 16; i++) {
        produce_tags(producer, produced, 15);
        produced += 15;
        check_child(fork_child(lives[i % 4], producer, i / 4));
    }
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
    check_settled_once(produced);
}

static void be_a_parent(ap_producer_t *producer, uint64_t number) {
    be_a_child(producer, 3 * number); /* a number of those that do not shut down */
    check_child(fork_child(be_a_child, producer, 3 * number + 1));
    produce_tags(producer, first + CHILD_MESSAGES, CHILD_MESSAGES);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    WAIT_UNTIL(delivered_count() == 2 * CHILD_MESSAGES);
    check_settled_once(2 * CHILD_MESSAGES);
}

static void grandchildren_work_too(void) {
    ap_producer_t *producer = mock();
    produce_tags(producer, 0, 30);
    check_child(fork_child(be_a_parent, producer, 2));
    CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    ap_free(producer);
    check_settled_once(30);
}

/* A producer made in the child beside the inherited one, and a configuration that was inherited. */
static ap_config_t *inherited_config;

static void make_another(ap_producer_t *producer, uint64_t number) {
    be_a_child(producer, 3 * number);
    start_counting(child_tag(100));
    ap_producer_t *other = producer_from(inherited_config);
    produce_tags(other, first, 10);
    finish(other);
    check_settled_once(10);
}

static void children_may_make_their_own(void) {
    start_counting(0);
    inherited_config = config_with(MOCK, NULL);
    CHECK_STATUS(ap_config_set_event_callback(inherited_config, SETTLED, count_delivered, NULL, NULL), AP_OK);
    ap_producer_t *producer = producer_from(inherited_config);
    produce_tags(producer, 0, 10);
    check_child(fork_child(make_another, producer, 1));
    finish(producer);
    ap_config_free(inherited_config);
    check_settled_once(10);
}

/* Other threads take and give back handles all the time: whatever lock one of them holds, the child must not need it. */
static void *churn(void *unused) {
    (void)unused;
    while (!atomic_load(&stop)) {
        ap_config_t *config = config_with(NO_BROKER, NULL);
        ap_producer_t *producer = producer_from(config);
        (void)produce_tag(producer, 1);
        ap_free(producer);
        ap_config_free(config);
    }
    return NULL;
}

static void churn_once(ap_producer_t *producer, uint64_t number) {
    watchdog(30);
    start_counting(child_tag(number));
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *other = producer_from(config);
    produce_tags(other, 1, 3);
    ap_free(other);
    ap_config_free(config);
    ap_free(producer);
    check_settled_once(0);
}

static void r52_children_of_a_busy_parent_never_hang(void) {
    pthread_t threads[MAKERS];
    ap_producer_t *producer = mock();
    produce_tags(producer, 0, 10);
    atomic_store(&stop, false);
    for (int i = 0; i < MAKERS; i++) threads[i] = start(churn, NULL);
    for (uint64_t i = 0; i < 3 * FORKS; i++) check_child(fork_child(churn_once, producer, i));
    atomic_store(&stop, true);
    for (int i = 0; i < MAKERS; i++) join(threads[i]);
    finish(producer);
    check_settled_once(10);
}

/* ---- A preforking server ----------------------------------------------------------------------------------------- */

/* A worker of Unicorn's kind: it serves with what it inherited, and ends as its number says. */
static void be_a_worker(ap_producer_t *producer, uint64_t number) {
    enum { REQUESTS = 5 };
    watchdog(60);
    start_counting(child_tag(number));
    for (uint64_t i = 0; i < REQUESTS; i++) {
        produce_tags(producer, first + i * CHILD_MESSAGES, CHILD_MESSAGES);
        if (i % 2 == 0) CHECK_STATUS(ap_deliver(producer), AP_OK);
    }
    if (number / 2 % 2 == 0) {
        CHECK_STATUS(ap_shutdown(producer, scaled(PATIENCE_MS)), AP_OK);
    } else {
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        WAIT_UNTIL(delivered_count() == REQUESTS * CHILD_MESSAGES);
    }
    if (number / 4 % 2 == 0) ap_free(producer);
    check_settled_once(REQUESTS * CHILD_MESSAGES);
}

/* The master has used the producer before, uses it meanwhile and afterwards, and starts new workers for those that end. */
static void r51_workers_of_a_preforking_server(void) {
    enum { GENERATIONS = 3 };
    pid_t pids[WORKERS];
    uint64_t produced = 0;
    ap_producer_t *producer = mock();
    produce_tags(producer, 0, 50);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    produced += 50;
    for (uint64_t generation = 0; generation < GENERATIONS; generation++) {
        for (uint64_t i = 0; i < WORKERS; i++) {
            produce_tags(producer, produced, 7); /* some of them wait here at the fork */
            produced += 7;
            pids[i] = fork_child(be_a_worker, producer, generation * WORKERS + i);
        }
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        for (int i = 0; i < WORKERS; i++) check_child(pids[i]);
    }
    finish(producer);
    check_settled_once(produced);
}

/* ---- Ten thousand forks ------------------------------------------------------------------------------------------ */

/* What the threads of the parent hold locks of. They pause often: the forks need the processor too. */
static ap_producer_t *called_back, *polled;

/* In memory that parent and children share: the longest any child took for its calls. */
static _Atomic int64_t *longest_us;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void count_nothing(const ap_event_t *event, void *user_data) {
    (void)event, (void)user_data;
}

static void *produce_and_clear(void *unused) {
    (void)unused;
    for (uint64_t i = 1; !atomic_load(&stop); i++) {
        (void)produce_tag(called_back, i);
        (void)produce_tag(polled, i);
        if (i % 16 == 0) (void)ap_clear(called_back), (void)ap_clear(polled), nap(1);
    }
    return NULL;
}

static void *deliver_and_flush(void *unused) {
    (void)unused;
    for (; !atomic_load(&stop); nap(1)) {
        (void)ap_deliver(called_back);
        (void)ap_flush(called_back, 1);
        (void)ap_wake(polled);
    }
    return NULL;
}

static void *poll_and_count(void *unused) {
    (void)unused;
    for (; !atomic_load(&stop); nap(1)) {
        (void)ap_poll(polled, 1, 100);
        (void)stats_of(called_back);
        (void)stats_of(polled);
    }
    return NULL;
}

static void *make_and_free(void *unused) {
    (void)unused;
    for (; !atomic_load(&stop); nap(5)) {
        ap_config_t *config = config_with(NO_BROKER, NULL);
        ap_producer_t *producer = producer_from(config);
        (void)produce_tag(producer, 1);
        ap_free(producer);
        ap_config_free(config);
    }
    return NULL;
}

/* One quick call of the inherited producers, each kind in turn; some children call nothing at all. */
static void call_quickly(uint64_t number) {
    ap_producer_t *producer = number / 10 % 2 == 0 ? called_back : polled;
    switch (number % 10) {
    case 0: break;
    case 1: CHECK_STATUS(produce_tag(producer, 1), AP_OK); break;
    case 2: CHECK_STATUS(ap_deliver(producer), AP_OK); break;
    case 3: CHECK_STATUS(ap_flush(producer, -1), AP_OK); break;
    case 4: CHECK_EQ(ap_clear(producer), 0); break;
    case 5: CHECK_EQ(stats_of(producer).accepted, 0); break;
    case 6: CHECK_STATUS(ap_wake(producer), AP_OK); break;
    case 7: CHECK_EQ(ap_poll(polled, 0, 100), 0); break;
    case 8: CHECK_STATUS(ap_shutdown(producer, -1), AP_OK); break;
    default: ap_free(producer); break;
    }
}

static void be_quick(ap_producer_t *unused, uint64_t number) {
    (void)unused;
    watchdog(30);
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    int64_t begin = now_us();
    call_quickly(number);
    int64_t took = now_us() - begin, longest = atomic_load(longest_us);
    while (took > longest && !atomic_compare_exchange_weak(longest_us, &longest, took)) continue;
}

/* Small, so that few pages have to be copied after each fork. */
static ap_producer_t *storm_producer(const char *event_mode) {
    return producer_calling(count_nothing, NULL, SETTLED, NO_BROKER, "event_mode", event_mode, "max_queue_size", "16",
                            "max_buffer_size", "16", NULL);
}

/* How long the storm may take: AP_TEST_STORM_MS, so that one by hand comes to its ten thousandth fork. */
static int64_t storm_limit_ms(void) {
    const char *value = getenv("AP_TEST_STORM_MS");
    return value == NULL ? STORM_MS : atoll(value);
}

static void r52_ten_thousand_forks_under_contention(void) {
    static void *(*const bodies[])(void *) = {produce_and_clear, produce_and_clear, deliver_and_flush, poll_and_count,
                                              make_and_free};
    enum { BODIES = sizeof bodies / sizeof *bodies };
    pthread_t threads[BODIES];
    start_counting(0);
    longest_us = mmap(NULL, sizeof *longest_us, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(longest_us != MAP_FAILED);
    called_back = storm_producer("callback");
    polled = storm_producer("poll");
    atomic_store(&stop, false);
    for (int i = 0; i < BODIES; i++) threads[i] = start(bodies[i], NULL);
    int64_t begin = now_ms(), limit = storm_limit_ms();
    uint64_t forks = 0;
    for (uint64_t i = 0; i < STORM_FORKS && now_ms() - begin < limit; i += STORM_AT_ONCE) {
        pid_t pids[STORM_AT_ONCE];
        for (uint64_t j = 0; j < STORM_AT_ONCE; j++) pids[j] = fork_child(be_quick, NULL, i + j);
        for (int j = 0; j < STORM_AT_ONCE; j++) check_child(pids[j]);
        forks += STORM_AT_ONCE;
    }
    printf("  %" PRIu64 " forks in %" PRId64 " ms; the slowest child's call took %" PRId64 " us\n", forks, now_ms() - begin,
           atomic_load(longest_us));
    CHECK_AT_LEAST(forks, STORM_AT_ONCE);
    atomic_store(&stop, true);
    for (int i = 0; i < BODIES; i++) join(threads[i]);
    ap_free(called_back);
    ap_free(polled);
    munmap((void *)longest_us, sizeof *longest_us);
}

/* In poll mode the child has a descriptor of its own: neither side takes the other's wake-ups. */
static bool readable(int fd, int64_t timeout_ms) {
    struct pollfd poller = {fd, POLLIN, 0};
    return poll(&poller, 1, (int)timeout_ms) == 1;
}

static void poll_in_the_child(ap_producer_t *producer, uint64_t number) {
    watchdog(60);
    start_counting(child_tag(number));
    CHECK_EQ(ap_poll(producer, 0, 100), 0); /* the parent's events are the parent's */
    int fd = ap_event_fd(producer);
    CHECK_AT_LEAST(fd, 0);
    CHECK(!readable(fd, 0));
    produce_tags(producer, first, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK(readable(fd, scaled(PATIENCE_MS)));
    CHECK_EQ(ap_poll(producer, 0, 100), 10);
    CHECK(!readable(fd, 0));
    close(fd);
    finish(producer);
    check_settled_once(10);
}

static void poll_mode_is_apart_too(void) {
    start_counting(0);
    ap_producer_t *producer = producer_calling(count_delivered, NULL, SETTLED, MOCK, "event_mode", "poll", NULL);
    int fd = ap_event_fd(producer);
    CHECK_AT_LEAST(fd, 0);
    produce_tags(producer, 0, 10);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
    CHECK(readable(fd, scaled(PATIENCE_MS)));
    check_child(fork_child(poll_in_the_child, producer, 1));
    CHECK(readable(fd, 0)); /* still, although the child has polled */
    CHECK_EQ(ap_poll(producer, 0, 100), 10);
    CHECK(!readable(fd, 0));
    close(fd);
    finish(producer);
    check_settled_once(10);
}

/* ---- A callback that forks --------------------------------------------------------------------------------------- */

enum { FORKS_AT = 1, ALL_TAGS = 5 };

/* Also where the child is the thread of the callback and ends with it. */
static void check_the_childs_count(void) {
    if (delivered_count() != FORKS_AT + 1) _exit(1);
}

static void fork_at_the_second(const ap_event_t *event, void *user_data) {
    count_delivered(event, user_data);
    if (event->tag != FORKS_AT) return;
    pid_t pid = fork();
    CHECK_AT_LEAST(pid, 0);
    if (pid > 0) {
        check_child(pid);
    } else {
        watchdog(60);
        atexit(check_the_childs_count);
    }
}

/* The child comes back from the callback: what else was read is the parent's to tell. */
static void r51_a_callback_that_forks(void) {
    static const char *const modes[] = {"callback", "poll"};
    for (int i = 0; i < 2; i++) {
        pid_t self = getpid();
        start_counting(0);
        ap_producer_t *producer =
            producer_calling(fork_at_the_second, NULL, SETTLED, MOCK, "event_mode", modes[i], NULL);
        produce_tags(producer, 0, ALL_TAGS);
        CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
        int64_t told = i == 1 ? ap_poll(producer, 0, 100) : ALL_TAGS;
        if (getpid() != self) exit(0);
        CHECK_EQ(told, ALL_TAGS);
        finish(producer);
        check_settled_once(ALL_TAGS);
    }
}

int main(void) {
    watchdog(900);
    RUN(r51_a_producer_may_be_made_before_the_fork);
    RUN(r51_waiting_messages_stay_with_the_parent);
    RUN(r51_children_may_do_anything_first);
    RUN(grandchildren_work_too);
    RUN(children_may_make_their_own);
    RUN(poll_mode_is_apart_too);
    RUN(r51_a_callback_that_forks);
    RUN(r52_children_of_a_busy_parent_never_hang);
    RUN(r51_children_work_on_under_load);
    RUN(r51_workers_of_a_preforking_server);
    RUN(r52_ten_thousand_forks_under_contention);
    return 0;
}
