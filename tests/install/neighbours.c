/*
 * Two Kafka clients and two OpenSSLs in one program: its own, and those inside async_producer. Both deliver, both make
 * a TLS client, and each says what it runs on: one "name=value" line a fact.
 */
#include <async_producer.h>
#include <librdkafka/rdkafka.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 60000

/* A fact that another thread finds out. */
struct fact {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char text[128];
};

static struct fact own_openssl = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ""};
static struct fact inner_openssl = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, ""};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "neighbours: %s: %s\n", what, why);
    exit(1);
}

/* librdkafka logs "... Using OpenSSL version OpenSSL 3.0.15 3 Sep 2024 (0x300000f0, ...)" for a client with TLS. */
static void learn_from_log(struct fact *fact, const char *line)
{
    const char *found = strstr(line, "Using OpenSSL version ");
    if (found == NULL)
        return;
    pthread_mutex_lock(&fact->mutex);
    sscanf(found, "Using OpenSSL version OpenSSL %127[0-9.]", fact->text);
    pthread_cond_signal(&fact->changed);
    pthread_mutex_unlock(&fact->mutex);
}

static void say(const char *name, struct fact *fact)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&fact->mutex);
    while (fact->text[0] == '\0')
        if (pthread_cond_timedwait(&fact->changed, &fact->mutex, &deadline) != 0)
            fail(name, "never logged");
    printf("%s=%s\n", name, fact->text);
    pthread_mutex_unlock(&fact->mutex);
}

/* The program's own client. */

static void set_own(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(conf, key, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        fail(key, error);
}

static rd_kafka_t *new_own(rd_kafka_conf_t *conf)
{
    char error[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (client == NULL)
        fail("rd_kafka_new", error);
    return client;
}

static void own_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *delivered)
{
    (void)client;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        ++*(int *)delivered;
}

static void own_log(const rd_kafka_t *client, int level, const char *facility, const char *line)
{
    (void)client, (void)level, (void)facility;
    learn_from_log(&own_openssl, line);
}

static void deliver_with_own(void)
{
    int delivered = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_own(conf, "test.mock.num.brokers", "1");
    set_own(conf, "compression.codec", "zstd");
    rd_kafka_conf_set_opaque(conf, &delivered);
    rd_kafka_conf_set_dr_msg_cb(conf, own_report);
    rd_kafka_t *client = new_own(conf);
    rd_kafka_resp_err_t error = rd_kafka_producev(client, RD_KAFKA_V_TOPIC("own"), RD_KAFKA_V_VALUE("hello", 5),
                                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        error = rd_kafka_flush(client, WAIT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("own delivery", rd_kafka_err2str(error));
    rd_kafka_destroy(client);
    printf("own_delivered=%d\n", delivered);
}

static void use_own_tls(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_own(conf, "security.protocol", "ssl");
    set_own(conf, "debug", "security");
    rd_kafka_conf_set_log_cb(conf, own_log);
    rd_kafka_t *client = new_own(conf);
    say("own_client_openssl", &own_openssl);
    rd_kafka_destroy(client);
}

static void hash_with_own(void)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest("abc", 3, digest, &size, EVP_sha256(), NULL) != 1)
        fail("EVP_Digest", "refused");
    printf("own_sha256=");
    for (unsigned int i = 0; i < size; i++)
        printf("%02x", digest[i]);
    printf("\n");
}

/* async_producer and what is inside it. */

static void set_inner(ap_config_t *config, const char *key, const char *value)
{
    char error[256] = "";
    if (ap_config_set(config, key, value, error, sizeof error) != AP_OK)
        fail(key, error);
}

static ap_producer_t *new_inner(ap_config_t *config)
{
    char error[256] = "";
    ap_producer_t *producer = NULL;
    if (ap_new(config, &producer, error, sizeof error) != AP_OK)
        fail("ap_new", error);
    ap_config_free(config);
    if (ap_produce(producer, "inner", NULL, 0, "hello", 5, 0) != AP_OK || ap_deliver(producer) != AP_OK)
        fail("ap_produce", "refused");
    return producer;
}

static void inner_event(const ap_event_t *event, void *delivered)
{
    if (event->type == AP_EVENT_DELIVERED)
        ++*(int *)delivered;
    else
        learn_from_log(&inner_openssl, event->text);
}

static void deliver_with_inner(void)
{
    int delivered = 0;
    ap_config_t *config = ap_config_new();
    set_inner(config, "test.mock.num.brokers", "1");
    set_inner(config, "compression.codec", "zstd");
    ap_config_set_event_callback(config, AP_EVENT_DELIVERED, inner_event, &delivered, NULL);
    ap_producer_t *producer = new_inner(config);
    ap_status_t status = ap_shutdown(producer, WAIT_MS);
    if (status != AP_OK)
        fail("ap_shutdown", ap_status_message(status));
    ap_free(producer);
    printf("inner_delivered=%d\n", delivered);
}

static void use_inner_tls(void)
{
    ap_config_t *config = ap_config_new();
    set_inner(config, "bootstrap.servers", "127.0.0.1:1"); /* nobody is there, nor needs to be */
    set_inner(config, "security.protocol", "ssl");
    set_inner(config, "debug", "security");
    ap_config_set_event_callback(config, AP_EVENT_LOG, inner_event, NULL, NULL);
    ap_producer_t *producer = new_inner(config);
    say("inner_openssl", &inner_openssl);
    ap_free(producer);
}

int main(void)
{
    const char *version = strstr(ap_version_string(), "librdkafka ");
    char inner[32] = "";
    if (version == NULL || sscanf(version, "librdkafka %31[0-9.]", inner) != 1)
        fail("ap_version_string", ap_version_string());
    printf("own_librdkafka=%s\n", rd_kafka_version_str());
    printf("inner_librdkafka=%s\n", inner);
    printf("own_openssl=%s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    hash_with_own();
    use_own_tls();
    use_inner_tls();
    deliver_with_own();
    deliver_with_inner();
    return 0;
}
