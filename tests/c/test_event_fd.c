/* ap_event_fd(): readable while events wait, whether its reader reads the bytes or leaves them. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

static recorder_t recorder;

static ap_producer_t *mock(void) {
    recorder_start(&recorder);
    return producer_with(&recorder, SETTLED, MOCK, "event_mode", "poll", NULL);
}

static void end(ap_producer_t *producer) {
    ap_free(producer);
    recorder_end(&recorder);
}

static void deliver_tags(ap_producer_t *producer, uint64_t first, uint64_t count) {
    produce_tags(producer, first, count);
    CHECK_STATUS(ap_flush(producer, scaled(PATIENCE_MS)), AP_OK);
}

static int fd_of(ap_producer_t *producer) {
    int fd = ap_event_fd(producer);
    CHECK_AT_LEAST(fd, 0);
    return fd;
}

/* Whether it becomes readable within the time. */
static bool readable(int fd, int64_t timeout_ms) {
    struct pollfd poller = {fd, POLLIN, 0};
    int count = poll(&poller, 1, (int)timeout_ms);
    CHECK_AT_LEAST(count, 0);
    return count == 1 && (poller.revents & POLLIN) != 0;
}

/* Reads what is there, as an event loop that owns the stream does. */
static void read_bytes(int fd) {
    char bytes[64];
    ssize_t count;
    while ((count = read(fd, bytes, sizeof bytes)) > 0) continue;
    CHECK_EQ(count, -1);
    CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
}

static void each_call_answers_a_fresh_duplicate(void) {
    ap_producer_t *producer = mock();
    int one = fd_of(producer), two = fd_of(producer);
    CHECK(one != two);
    CHECK(fcntl(one, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(two, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(one, F_GETFL) & O_NONBLOCK);
    CHECK_EQ(close(one), 0);
    deliver_tags(producer, 1, 1);
    CHECK(readable(two, scaled(PATIENCE_MS))); /* the other one works on */
    CHECK_EQ(close(two), 0);
    end(producer);
}

static void not_readable_while_nothing_waits(void) {
    ap_producer_t *producer = mock();
    int fd = fd_of(producer);
    CHECK(!readable(fd, 0));
    produce_tags(producer, 1, 1); /* waits in the buffer: no event yet */
    CHECK(!readable(fd, 50));
    close(fd);
    end(producer);
}

/* Level-triggered: select(), poll(), epoll without EPOLLET. */
static void a_reader_may_leave_the_bytes(void) {
    ap_producer_t *producer = mock();
    int fd = fd_of(producer);
    for (uint64_t round = 0; round < 20; round++) {
        deliver_tags(producer, 10 * round, 10);
        CHECK(readable(fd, scaled(PATIENCE_MS)));
        CHECK_EQ(ap_poll(producer, 0, 4), 4);
        CHECK(readable(fd, 0)); /* events still wait */
        CHECK_EQ(ap_poll(producer, 0, 100), 6);
        CHECK(!readable(fd, 0));
    }
    close(fd);
    end(producer);
}

/* Node's net.Socket, Go's netpoller: they read before they call. */
static void a_reader_may_read_the_bytes(void) {
    ap_producer_t *producer = mock();
    int fd = fd_of(producer);
    for (uint64_t round = 0; round < 20; round++) {
        deliver_tags(producer, 10 * round, 10);
        CHECK(readable(fd, scaled(PATIENCE_MS)));
        read_bytes(fd);
        while (ap_poll(producer, 0, 4) == 4) continue; /* until it answers fewer */
        CHECK(!readable(fd, 0));
        CHECK_EQ(recorder_count(&recorder, SETTLED), 10 * (round + 1));
    }
    close(fd);
    end(producer);
}

/* An event that comes between the reading of the bytes and the call must not be slept over. */
static void no_wakeup_is_lost(void) {
    enum { MESSAGES = 3000 };
    ap_producer_t *producer = mock();
    int fd = fd_of(producer);
    uint64_t produced = 0, read = 0;
    while (read < MESSAGES) {
        for (int i = 0; i < 5 && produced < MESSAGES; i++) {
            if (produce_tag(producer, produced) == AP_OK) produced++;
        }
        CHECK_STATUS(ap_deliver(producer), AP_OK);
        if (read == produced) continue;
        CHECK(readable(fd, scaled(PATIENCE_MS)));
        read_bytes(fd);
        int64_t count;
        while ((count = ap_poll(producer, 0, 2)) > 0) {
            read += (uint64_t)count;
            if (count < 2) break;
        }
    }
    close(fd);
    end(producer);
}

/* The same where two look at descriptors of their own and one of them reads. */
static void duplicates_share_what_arrives(void) {
    ap_producer_t *producer = mock();
    int one = fd_of(producer), two = fd_of(producer);
    deliver_tags(producer, 1, 3);
    CHECK(readable(one, scaled(PATIENCE_MS)));
    CHECK(readable(two, scaled(PATIENCE_MS)));
    CHECK_EQ(ap_poll(producer, 0, 100), 3);
    CHECK(!readable(one, 0));
    CHECK(!readable(two, 0));
    close(one);
    close(two);
    end(producer);
}

static void readable_after_shutdown_until_all_is_read(void) {
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", NULL);
    int fd = fd_of(producer);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK(readable(fd, scaled(PATIENCE_MS)));
    CHECK_EQ(ap_poll(producer, 0, 100), 5);
    close(fd);
    end(producer);
}

/* The descriptor is the caller's: closing it before ap_free() disturbs nothing ... */
static void it_may_be_closed_before_the_producer(void) {
    ap_producer_t *producer = mock();
    CHECK_EQ(close(fd_of(producer)), 0);
    deliver_tags(producer, 1, 10);
    CHECK_EQ(ap_poll(producer, scaled(PATIENCE_MS), 100), 10);
    end(producer);
}

/* ... and ap_free() leaves it open: a number it closed would be somebody else's by now. */
static void it_may_be_closed_after_the_producer(void) {
    ap_producer_t *producer = mock();
    int fd = fd_of(producer);
    deliver_tags(producer, 1, 10);
    end(producer);
    CHECK_AT_LEAST(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(close(fd), 0);
}

/* What the library closes at its end is its own: descriptors opened meanwhile stay open. */
static void no_foreign_descriptor_is_closed(void) {
    enum { OTHERS = 50 };
    int others[OTHERS];
    ap_producer_t *producer = mock();
    CHECK_EQ(close(fd_of(producer)), 0);
    for (int i = 0; i < OTHERS; i++) CHECK_AT_LEAST(others[i] = open("/dev/null", O_RDONLY), 0);
    deliver_tags(producer, 1, 10);
    end(producer);
    for (int i = 0; i < OTHERS; i++) CHECK_EQ(close(others[i]), 0);
}

static void r60_without_descriptors_it_is_a_client_error(void) {
    struct rlimit limit, none;
    recorder_start(&recorder);
    ap_producer_t *producer = producer_with(&recorder, SETTLED, NO_BROKER, "event_mode", "poll", NULL);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0; /* open ones stay, new ones are refused */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_STATUS(ap_event_fd(producer), AP_ERR_CLIENT);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(close(fd_of(producer)), 0);
    end(producer);
}

static void r60_without_descriptors_no_producer_is_made(void) {
    struct rlimit limit, none;
    char text[512];
    ap_config_t *config = config_with(NO_BROKER, "event_mode", "poll", NULL);
    ap_producer_t *producer = (ap_producer_t *)config;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    ap_status_t status = ap_new(config, &producer, text, sizeof text);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_STATUS(status, AP_ERR_CLIENT);
    CHECK(producer == NULL);
    CHECK(text[0] != 0);
    ap_free(producer_from(config)); /* and a moment later it can be */
    ap_config_free(config);
}

int main(void) {
    watchdog(120);
    RUN(each_call_answers_a_fresh_duplicate);
    RUN(not_readable_while_nothing_waits);
    RUN(a_reader_may_leave_the_bytes);
    RUN(a_reader_may_read_the_bytes);
    RUN(no_wakeup_is_lost);
    RUN(duplicates_share_what_arrives);
    RUN(readable_after_shutdown_until_all_is_read);
    RUN(it_may_be_closed_before_the_producer);
    RUN(it_may_be_closed_after_the_producer);
    RUN(no_foreign_descriptor_is_closed);
    RUN(r60_without_descriptors_it_is_a_client_error);
    RUN(r60_without_descriptors_no_producer_is_made);
    return 0;
}
