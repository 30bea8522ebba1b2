/* What the smaller examples share: a cluster to talk to, and an end where a call fails that should not. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <async_producer.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must(ap_status_t status, const char *what, const char *detail)
{
    if (status == AP_OK)
        return;
    fprintf(stderr, "%s: %s (%s) %s\n", what, ap_status_message(status), ap_status_name(status), detail);
    exit(1);
}

static inline void set(ap_config_t *config, const char *key, const char *value)
{
    char error[256] = "";
    must(ap_config_set(config, key, value, error, sizeof error), key, error);
}

/* The brokers given on the command line, else a mock cluster that lives inside this process. Its one broker takes
 * latency_ms to answer, since an example about waiting needs something to wait for. */
static inline void use_cluster(ap_config_t *config, const char *brokers, const char *latency_ms)
{
    if (brokers) {
        set(config, "bootstrap.servers", brokers);
        return;
    }
    set(config, "test.mock.num.brokers", "1");
    set(config, "test.mock.broker.rtt", latency_ms);
}

static inline ap_producer_t *start(const ap_config_t *config)
{
    char error[256] = "";
    ap_producer_t *producer = NULL;
    must(ap_new(config, &producer, error, sizeof error), "ap_new", error);
    return producer;
}

#endif
