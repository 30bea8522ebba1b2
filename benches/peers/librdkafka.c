/*
 * librdkafka used by the book: rd_kafka_produce with a copy (call=produce, the default), rd_kafka_produceva
 * (call=produceva) or rd_kafka_produce_batch (call=batch), waiting for room (RD_KAFKA_MSG_F_BLOCK), a thread that
 * polls, and a delivery report callback.
 */
#define _GNU_SOURCE
#include <rdkafka.h>

#include <stdarg.h>

#include "peer.h"

static rd_kafka_t *client;
static rd_kafka_topic_t *topic;
static enum { BY_PRODUCE, BY_PRODUCEVA, BY_BATCH } how;

static void on_report(rd_kafka_t *unused, const rd_kafka_message_t *message, void *nothing) {
    (void)unused;
    (void)nothing;
    if (message->err) peer_fail(rd_kafka_err2str(message->err));
    peer_acknowledged((uint64_t)(uintptr_t)message->_private);
}

static void *poll_reports(void *unused) {
    (void)unused;
    for (;;) rd_kafka_poll(client, 100);
    return NULL;
}

static void set(rd_kafka_conf_t *config, const char *key, const char *format, ...) {
    char value[64], error[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (rd_kafka_conf_set(config, key, value, error, sizeof error) != RD_KAFKA_CONF_OK) peer_fail(error);
}

static void peer_start(void) {
    char error[256];
    pthread_t thread;
    rd_kafka_conf_t *config = rd_kafka_conf_new();
    if (strcmp(options.call, "produceva") == 0) how = BY_PRODUCEVA;
    if (strcmp(options.call, "batch") == 0) how = BY_BATCH;
    set(config, "bootstrap.servers", "%s", options.bootstrap);
    set(config, "enable.idempotence", "true");
    set(config, "acks", "all");
    set(config, "message.timeout.ms", "0");
    set(config, "linger.ms", "%ld", options.linger);
    set(config, "compression.codec", "%s", options.compression);
    set(config, "queue.buffering.max.messages", "%ld", options.queue);
    set(config, "queue.buffering.max.kbytes", "%d", 2097151);
    if (!options.wait) set(config, "log_level", "0"); /* nobody listens, as wanted */
    rd_kafka_conf_set_dr_msg_cb(config, on_report);
    client = rd_kafka_new(RD_KAFKA_PRODUCER, config, error, sizeof error);
    if (!client) peer_fail(error);
    topic = rd_kafka_topic_new(client, options.topic, NULL);
    if (pthread_create(&thread, NULL, poll_reports, NULL) != 0) peer_fail("a thread");
}

static long peer_batch(void) {
    return strcmp(options.call, "batch") == 0 ? options.batch : 1;
}

static void produce_batch(const char *const *values, int count, uint64_t stamp) {
    static _Thread_local rd_kafka_message_t *messages;
    if (!messages) messages = calloc((size_t)count, sizeof *messages);
    for (int i = 0; i < count; i++) {
        messages[i].payload = (void *)(uintptr_t)values[i];
        messages[i].len = (size_t)options.size;
        messages[i]._private = (void *)(uintptr_t)stamp;
    }
    int flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
    if (rd_kafka_produce_batch(topic, RD_KAFKA_PARTITION_UA, flags, messages, count) != count)
        peer_fail("a batch was not taken whole");
}

static void peer_produce(const char *const *values, int count, uint64_t stamp) {
    void *payload = (void *)(uintptr_t)values[0], *opaque = (void *)(uintptr_t)stamp;
    size_t size = (size_t)options.size;
    int flags = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, error = 0;
    if (how == BY_PRODUCE) {
        error = rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, flags, payload, size, NULL, 0, opaque);
    } else if (how == BY_PRODUCEVA) {
        rd_kafka_vu_t fields[] = {{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
                                  {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = flags},
                                  {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {payload, size}},
                                  {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque}};
        rd_kafka_error_t *refusal = rd_kafka_produceva(client, fields, sizeof fields / sizeof fields[0]);
        if (refusal) peer_fail(rd_kafka_error_string(refusal));
    } else {
        produce_batch(values, count, stamp);
    }
    if (error) peer_fail(rd_kafka_err2str(rd_kafka_last_error()));
}

/* No rd_kafka_flush: it would call on_report, too, at the same time as the thread that polls. */
static void peer_finish(void) {}

int main(int count, char **words) {
    return peer_main(count, words, "librdkafka", rd_kafka_version_str());
}
