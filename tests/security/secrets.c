/* Prints everything that the library says of a configuration: secrets DELIVERED|STALLED KEY=VALUE ...
 * The first is the event that ends it. */
#include <async_producer.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What ends the wait: one of each of these has come. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t types;
};

static const char *name(uint32_t type)
{
    switch (type) {
    case AP_EVENT_DELIVERED: return "DELIVERED";
    case AP_EVENT_DROPPED: return "DROPPED";
    case AP_EVENT_ERROR: return "ERROR";
    case AP_EVENT_STALLED: return "STALLED";
    case AP_EVENT_LOG: return "LOG";
    case AP_EVENT_STATS: return "STATS";
    default: return "OTHER";
    }
}

static void on_event(const ap_event_t *event, void *data)
{
    struct seen *seen = data;
    printf("%s %s: %.*s\n", name(event->type), event->text, (int)event->value_len,
           event->value ? (const char *)event->value : "");
    pthread_mutex_lock(&seen->lock);
    seen->types |= event->type;
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

/* Until these have come. */
static void wait_for(struct seen *seen, uint32_t types)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 90;
    pthread_mutex_lock(&seen->lock);
    while ((seen->types & types) != types)
        if (pthread_cond_timedwait(&seen->changed, &seen->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&seen->lock);
}

static void set(ap_config_t *config, const char *key, const char *value)
{
    char text[1024] = "", shown[8192] = "";
    size_t len = sizeof shown;
    if (ap_config_set(config, key, value, text, sizeof text) != AP_OK || ap_config_get(config, key, shown, &len) != AP_OK)
        exit((printf("%s: %s\n", key, text), 2));
    printf("%s is %s\n", key, shown);
}

/* Mistakes with the same value: under another name, run together with its key, on a line of its own in a file. */
static void mistake(ap_config_t *config, const char *key, const char *value)
{
    char text[1024] = "", both[8192];
    const char *others[] = {"sasl.jaas.config", "ssl_key", "sasl.passwort"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ap_config_set(config, others[i], value, text, sizeof text);
        printf("refused: %s\n", text);
    }
    snprintf(both, sizeof both, "%s=%s", key, value);
    ap_config_set(config, both, "", text, sizeof text);
    printf("refused: %s\n", text);

    char path[] = "/tmp/ap_secrets_XXXXXX";
    int file = mkstemp(path); /* programs may run side by side */
    if (file < 0 || dprintf(file, "max_retries=-1\n%s %s\n", key, value) < 0 || close(file) != 0)
        exit(2);
    ap_config_load(config, path, text, sizeof text);
    printf("refused: %s\n", text);
    unlink(path);
}

int main(int count, char **arguments)
{
    struct seen seen = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    ap_config_t *config = ap_config_new();
    set(config, "stall_report_interval", "1");
    for (int i = 2; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        *value++ = 0;
        set(config, arguments[i], value);
        if (strstr(arguments[i], "password") != NULL || strstr(arguments[i], "pem") != NULL)
            mistake(config, arguments[i], value);
    }
    char text[1024] = "";
    ap_producer_t *producer = NULL;
    ap_config_set_event_callback(config, AP_EVENT_ALL, on_event, &seen, NULL);
    if (ap_new(config, &producer, text, sizeof text) != AP_OK)
        return printf("%s\n", text), 1;
    ap_config_free(config);
    ap_produce(producer, "secrets", NULL, 0, "hello", 5, 0);
    ap_deliver(producer);
    wait_for(&seen, AP_EVENT_STATS | (strcmp(arguments[1], "STALLED") == 0 ? AP_EVENT_STALLED : AP_EVENT_DELIVERED));
    ap_shutdown(producer, 0);
    ap_free(producer);
    return 0;
}
