/*
 * A broker that forgets: it speaks enough of Kafka's protocol to be produced to, acknowledges every batch at once, and
 * counts the records without looking at them. The kernel throws them away (MSG_TRUNC, tcp(7)), so that the sink is not
 * the bottleneck.
 *
 *     sink [port]       listens on 127.0.0.1, on a free port where none is given, and prints port=PORT
 *
 * A line on standard input prints the counts since the line before as JSON; the end of standard input, or SIGTERM,
 * prints the last and ends it. Every topic exists, with as many partitions as the number its name ends in says (bench-6
 * has six), else one.
 *
 * The layouts are those of the protocol guide (https://kafka.apache.org/protocol), of one version each: ApiVersions 0
 * and 3, Metadata 8, InitProducerId 1, Produce 8. Lower versions are advertised because clients tell from them what a
 * broker can do, and so are Fetch and FindCoordinator, though nobody calls them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PRODUCE = 0, FETCH = 1, METADATA = 3, FIND_COORDINATOR = 10, API_VERSIONS = 18, INIT_PRODUCER_ID = 22 };
enum { UNSUPPORTED_VERSION = 35, BATCH_HEADER = 61, RECORDS_COUNT = 57, MAGIC = 16, MOST_PARTITIONS = 1000 };

static const struct {
    int16_t key, newest;
} apis[] = {{PRODUCE, 8}, {FETCH, 10}, {METADATA, 8}, {FIND_COORDINATOR, 1}, {API_VERSIONS, 3}, {INIT_PRODUCER_ID, 1}};
enum { APIS = sizeof apis / sizeof apis[0] };

static int own_port;
static atomic_ullong records, bytes, batches, requests, connections;
static atomic_llong next_producer_id = 1, next_offset;

static void fail(const char *what) {
    fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A connection: what was read and not parsed yet, and the answer that is being made. */

typedef struct {
    int socket;
    size_t begin, end;  /* what is unread of input */
    int64_t left;       /* bytes left of the request */
    size_t answer_size;
    unsigned char input[1 << 16];
    unsigned char answer[1 << 20];
} connection;

/* Ends the thread of a connection that is closed or talks nonsense. */
static void hang_up(connection *peer, const char *why) {
    if (why) fprintf(stderr, "sink: a connection is closed: %s\n", why);
    close(peer->socket);
    free(peer);
    pthread_exit(NULL);
}

/* The next bytes of the request, in one piece: few, as only fields are taken. */
static const unsigned char *take(connection *peer, size_t count) {
    if ((int64_t)count > peer->left) hang_up(peer, "a request is shorter than its fields");
    if (peer->begin + count > sizeof peer->input) {
        memmove(peer->input, peer->input + peer->begin, peer->end - peer->begin);
        peer->end -= peer->begin;
        peer->begin = 0;
    }
    while (peer->end - peer->begin < count) {
        ssize_t got = recv(peer->socket, peer->input + peer->end, sizeof peer->input - peer->end, 0);
        if (got == 0 || (got < 0 && errno != EINTR)) hang_up(peer, NULL);
        if (got > 0) peer->end += (size_t)got;
    }
    const unsigned char *bytes_taken = peer->input + peer->begin;
    peer->begin += count;
    peer->left -= (int64_t)count;
    if (peer->begin == peer->end) peer->begin = peer->end = 0;
    return bytes_taken;
}

/* Leaves bytes of the request unread: those that are not here yet never leave the kernel. */
static void skip(connection *peer, int64_t count) {
    if (count < 0 || count > peer->left) hang_up(peer, "a request is shorter than its fields");
    peer->left -= count;
    int64_t here = (int64_t)(peer->end - peer->begin);
    if (here > count) here = count;
    peer->begin += (size_t)here;
    count -= here;
    if (peer->begin == peer->end) peer->begin = peer->end = 0;
    while (count > 0) {
        ssize_t got = recv(peer->socket, NULL, (size_t)count, MSG_TRUNC);
        if (got == 0 || (got < 0 && errno != EINTR)) hang_up(peer, NULL);
        if (got > 0) count -= got;
    }
}

static int16_t take_int16(connection *peer) {
    const unsigned char *at = take(peer, 2);
    return (int16_t)(at[0] << 8 | at[1]);
}

static int32_t int32_at(const unsigned char *at) {
    return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static int32_t take_int32(connection *peer) {
    return int32_at(take(peer, 4));
}

/* A name of at most 249 bytes; NULL as "". */
static void take_name(connection *peer, char name[256]) {
    int16_t size = take_int16(peer);
    if (size > 255) hang_up(peer, "a name is too long");
    if (size < 0) size = 0;
    memcpy(name, take(peer, (size_t)size), (size_t)size);
    name[size] = '\0';
}

static void skip_string(connection *peer) {
    int16_t size = take_int16(peer);
    if (size > 0) skip(peer, size);
}

static void put(connection *peer, uint64_t value, int width) {
    if (peer->answer_size + 8 > sizeof peer->answer) hang_up(peer, "an answer is too long");
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
        peer->answer[peer->answer_size++] = (unsigned char)(value >> shift);
    }
}

static void put_int8(connection *peer, int value) { put(peer, (uint64_t)value, 1); }
static void put_int16(connection *peer, int value) { put(peer, (uint64_t)value, 2); }
static void put_int32(connection *peer, int64_t value) { put(peer, (uint64_t)value, 4); }
static void put_int64(connection *peer, int64_t value) { put(peer, (uint64_t)value, 8); }

static void put_string(connection *peer, const char *text) {
    put_int16(peer, (int)strlen(text));
    for (; *text; text++) put_int8(peer, *text);
}

static void begin_answer(connection *peer, int32_t correlation) {
    peer->answer_size = 0;
    put_int32(peer, 0); /* the size, known at the end */
    put_int32(peer, correlation);
}

static void send_answer(connection *peer) {
    uint32_t size = htonl((uint32_t)(peer->answer_size - 4));
    memcpy(peer->answer, &size, 4);
    for (size_t sent = 0; sent < peer->answer_size;) {
        ssize_t count = send(peer->socket, peer->answer + sent, peer->answer_size - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) hang_up(peer, NULL);
        if (count > 0) sent += (size_t)count;
    }
}

/* Requests. */

/* A version that is not known is answered as version 0, and the client asks again. */
static void answer_api_versions(connection *peer, int16_t version) {
    bool flexible = version == 3;
    put_int16(peer, version == 3 || version == 0 ? 0 : UNSUPPORTED_VERSION);
    if (flexible) put_int8(peer, APIS + 1);
    else put_int32(peer, APIS);
    for (int i = 0; i < APIS; i++) {
        put_int16(peer, apis[i].key);
        put_int16(peer, 0);
        put_int16(peer, apis[i].newest);
        if (flexible) put_int8(peer, 0); /* no tagged fields */
    }
    if (!flexible) return;
    put_int32(peer, 0); /* throttle_time_ms */
    put_int8(peer, 0);
}

static int partitions_of(const char *topic) {
    const char *digits = topic + strlen(topic);
    while (digits > topic && digits[-1] >= '0' && digits[-1] <= '9') digits--;
    long count = strtol(digits, NULL, 10);
    return count < 1 ? 1 : count > MOST_PARTITIONS ? MOST_PARTITIONS : (int)count;
}

static void describe_partition(connection *peer, int partition) {
    put_int16(peer, 0); /* error_code */
    put_int32(peer, partition);
    put_int32(peer, 1); /* leader_id */
    put_int32(peer, 0); /* leader_epoch */
    put_int32(peer, 1); /* replica_nodes: this one */
    put_int32(peer, 1);
    put_int32(peer, 1); /* isr_nodes: this one */
    put_int32(peer, 1);
    put_int32(peer, 0); /* offline_replicas */
}

static void describe_topic(connection *peer, const char *topic) {
    int partitions = partitions_of(topic);
    put_int16(peer, 0); /* error_code */
    put_string(peer, topic);
    put_int8(peer, 0); /* is_internal */
    put_int32(peer, partitions);
    for (int partition = 0; partition < partitions; partition++) describe_partition(peer, partition);
    put_int32(peer, INT32_MIN); /* topic_authorized_operations: not asked for */
}

static void answer_metadata(connection *peer) {
    put_int32(peer, 0); /* throttle_time_ms */
    put_int32(peer, 1); /* brokers: this one */
    put_int32(peer, 1);
    put_string(peer, "127.0.0.1");
    put_int32(peer, own_port);
    put_int16(peer, -1); /* rack */
    put_string(peer, "sink");
    put_int32(peer, 1); /* controller_id */
    int32_t topics = take_int32(peer);
    if (topics < 0) topics = 0; /* all of them: none yet */
    put_int32(peer, topics);
    for (; topics > 0; topics--) {
        char topic[256];
        take_name(peer, topic);
        describe_topic(peer, topic);
    }
    put_int32(peer, INT32_MIN); /* cluster_authorized_operations: not asked for */
}

static void answer_init_producer_id(connection *peer) {
    put_int32(peer, 0); /* throttle_time_ms */
    put_int16(peer, 0); /* error_code */
    put_int64(peer, atomic_fetch_add(&next_producer_id, 1));
    put_int16(peer, 0); /* producer_epoch */
}

/* Counts the records of a partition by the headers of their batches. */
static int64_t count_records(connection *peer, int64_t size) {
    int64_t count = 0;
    while (size > 0) {
        if (size < BATCH_HEADER) hang_up(peer, "a batch is shorter than its header");
        const unsigned char *header = take(peer, BATCH_HEADER);
        int64_t length = 12 + (int64_t)int32_at(header + 8); /* batchLength counts what follows it */
        if (header[MAGIC] != 2 || length < BATCH_HEADER || length > size) hang_up(peer, "not a batch of format 2");
        count += int32_at(header + RECORDS_COUNT);
        skip(peer, length - BATCH_HEADER);
        size -= length;
        atomic_fetch_add(&batches, 1);
    }
    return count;
}

static void answer_partition(connection *peer) {
    int32_t partition = take_int32(peer);
    int64_t size = take_int32(peer);
    int64_t count = size > 0 ? count_records(peer, size) : 0;
    atomic_fetch_add(&records, (unsigned long long)count);
    if (size > 0) atomic_fetch_add(&bytes, (unsigned long long)size);
    put_int32(peer, partition);
    put_int16(peer, 0);                                   /* error_code */
    put_int64(peer, atomic_fetch_add(&next_offset, count)); /* base_offset */
    put_int64(peer, -1);                                  /* log_append_time_ms */
    put_int64(peer, 0);                                   /* log_start_offset */
    put_int32(peer, 0);                                   /* record_errors */
    put_int16(peer, -1);                                  /* error_message */
}

/* Whether the client waits for the answer: with acks=0 it does not. */
static bool answer_produce(connection *peer) {
    skip_string(peer); /* transactional_id */
    int16_t acks = take_int16(peer);
    take_int32(peer); /* timeout_ms */
    int32_t topics = take_int32(peer);
    put_int32(peer, topics);
    for (; topics > 0; topics--) {
        char topic[256];
        take_name(peer, topic);
        put_string(peer, topic);
        int32_t partitions = take_int32(peer);
        put_int32(peer, partitions);
        for (; partitions > 0; partitions--) answer_partition(peer);
    }
    put_int32(peer, 0); /* throttle_time_ms */
    atomic_fetch_add(&requests, 1);
    return acks != 0;
}

static void answer_request(connection *peer) {
    peer->left = 4;
    peer->left = take_int32(peer);
    int16_t api = take_int16(peer), version = take_int16(peer);
    bool expected = true;
    begin_answer(peer, take_int32(peer));
    skip_string(peer); /* client_id */
    if (api == API_VERSIONS) answer_api_versions(peer, version);
    else if (api == METADATA && version == 8) answer_metadata(peer);
    else if (api == INIT_PRODUCER_ID && version == 1) answer_init_producer_id(peer);
    else if (api == PRODUCE && version == 8) expected = answer_produce(peer);
    else {
        char why[64];
        snprintf(why, sizeof why, "request %d of version %d is not known", api, version);
        hang_up(peer, why);
    }
    skip(peer, peer->left);
    if (expected) send_answer(peer);
}

static void *serve(void *argument) {
    for (;;) answer_request(argument);
    return NULL;
}

/* The process. */

static void *accept_all(void *argument) {
    int listener = *(int *)argument, yes = 1;
    for (;;) {
        int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket < 0) continue;
        connection *peer = calloc(1, sizeof *peer);
        pthread_t thread;
        if (!peer) fail("memory");
        peer->socket = socket;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        atomic_fetch_add(&connections, 1);
        if (pthread_create(&thread, NULL, serve, peer) != 0) fail("a thread");
        pthread_detach(thread);
    }
    return NULL;
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 64) != 0) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    own_port = ntohs(address.sin_port);
    return listener;
}

static void print_counts(void) {
    printf("{\"records\": %llu, \"bytes\": %llu, \"batches\": %llu, \"requests\": %llu, \"connections\": %llu}\n",
           atomic_exchange(&records, 0), atomic_exchange(&bytes, 0), atomic_exchange(&batches, 0),
           atomic_exchange(&requests, 0), atomic_exchange(&connections, 0));
    fflush(stdout);
}

/* Whether standard input goes on. Prints the counts for each line read from it. */
static bool read_lines(void) {
    char text[256];
    ssize_t size = read(STDIN_FILENO, text, sizeof text);
    for (ssize_t i = 0; i < size; i++) {
        if (text[i] == '\n') print_counts();
    }
    return size > 0;
}

int main(int count, char **arguments) {
    static int listener;
    pthread_t thread;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {signalfd(-1, &ends, SFD_CLOEXEC), POLLIN, 0}};

    listener = listen_on(count > 1 ? atoi(arguments[1]) : 0);
    if (pthread_create(&thread, NULL, accept_all, &listener) != 0) fail("a thread");
    printf("port=%d\n", own_port);
    fflush(stdout);
    do {
        if (poll(waits, 2, -1) < 0 && errno != EINTR) fail("poll");
    } while (!waits[1].revents && (!waits[0].revents || read_lines()));
    print_counts();
    return 0;
}
