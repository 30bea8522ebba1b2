/*
 * The wall clock is set (row 63): an hour or a year forward or back while messages wait and are delivered. Deliveries and
 * deadlines go by the monotonic clock; only timestamps follow the wall.
 *
 * The clock is not really set, which would take root and disturb the machine: the functions below take the place of the C
 * library's. Waits until a time of the wall clock, as librdkafka's are, look at it often, as the kernel would.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>

enum { HOUR = 3600, YEAR = 365 * 24 * HOUR, SLICE_NS = 20000000 };

/* Seconds by which the wall clock is off. */
static _Atomic int64_t offset;

/* ---- The clock ---------------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (failed == 0 && clock == CLOCK_REALTIME) now->tv_sec += (time_t)atomic_load(&offset);
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
    now->tv_sec = exact.tv_sec, now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL) *result = now.tv_sec;
    return now.tv_sec;
}

static bool is_over(const struct timespec *until) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* A short wait by the true clock; that it ends early is what a condition variable is allowed. */
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    int (*next)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec slice;
    void *symbol = dlsym(RTLD_NEXT, "cnd_timedwait");
    if (symbol == NULL) return thrd_error;
    memcpy(&next, &symbol, sizeof next);
    if (is_over(until)) return thrd_timedout;
    (void)syscall(SYS_clock_gettime, CLOCK_REALTIME, &slice);
    slice.tv_nsec += SLICE_NS;
    if (slice.tv_nsec >= 1000000000) slice.tv_sec++, slice.tv_nsec -= 1000000000;
    int answer = next(condition, mutex, &slice);
    return answer == thrd_timedout && !is_over(until) ? thrd_success : answer;
}

/* ---- Jumps -------------------------------------------------------------------------------------------------------- */

static const int64_t jumps[] = {HOUR, -HOUR, YEAR, -YEAR};
enum { JUMPS = sizeof jumps / sizeof *jumps };

/* By the interval, since nothing else starts a delivery here: it must not wait for the wall clock to come back. */
static void r63_deliveries_go_on(void) {
    for (int i = 0; i < JUMPS; i++) {
        recorder_t recorder;
        recorder_start(&recorder);
        atomic_store(&offset, 0);
        ap_producer_t *producer = producer_with(&recorder, AP_EVENT_DELIVERED, MOCK, "delivery_interval", "0.1", NULL);
        produce_tags(producer, 0, 10);
        recorder_wait(&recorder, AP_EVENT_DELIVERED, 10);
        produce_tags(producer, 10, 10);
        atomic_store(&offset, jumps[i]); /* while they wait */
        recorder_wait(&recorder, AP_EVENT_DELIVERED, 20);
        produce_tags(producer, 20, 10);
        recorder_wait(&recorder, AP_EVENT_DELIVERED, 30);
        finish(producer);
        /* Timestamps are of the call, by the wall clock of then; durations do not jump. */
        int64_t before = recorder_find(&recorder, AP_EVENT_DELIVERED, 0)->timestamp_ms;
        int64_t after = recorder_find(&recorder, AP_EVENT_DELIVERED, 29)->timestamp_ms;
        CHECK_AT_MOST(llabs(after - before - jumps[i] * 1000), 2 * scaled(PATIENCE_MS));
        for (uint64_t tag = 0; tag < 30; tag++) {
            CHECK_AT_MOST(recorder_find(&recorder, AP_EVENT_DELIVERED, tag)->duration_us, 2000 * scaled(PATIENCE_MS));
        }
        recorder_end(&recorder);
    }
    atomic_store(&offset, 0);
}

typedef struct {
    ap_producer_t *producer;
    ap_status_t status;
} ender_t;

static void *shut_down(void *argument) {
    ender_t *ender = argument;
    ender->status = ap_shutdown(ender->producer, 700);
    return NULL;
}

/* A deadline that the jump makes neither pass at once nor wait for an hour. */
static void r63_deadlines_are_kept(void) {
    for (int i = 0; i < JUMPS; i++) {
        atomic_store(&offset, 0);
        ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
        ender_t ender = {producer, AP_OK};
        produce_tags(producer, 0, 10);
        int64_t begin = now_ms();
        pthread_t thread = start(shut_down, &ender);
        nap(100);
        atomic_store(&offset, jumps[i]);
        join(thread);
        CHECK_STATUS(ender.status, AP_ERR_UNDELIVERED);
        CHECK_AT_LEAST(now_ms() - begin, 699);
        CHECK_AT_MOST(now_ms() - begin, scaled(PATIENCE_MS));
        ap_free(producer);
    }
    atomic_store(&offset, 0);
}

int main(void) {
    watchdog(150);
    RUN(r63_deliveries_go_on);
    RUN(r63_deadlines_are_kept);
    return 0;
}
