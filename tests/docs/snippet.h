/* What the snippets of the documentation have before them; see tests/docs/snippets. */
#include <async_producer.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern ap_config_t *config;
extern ap_producer_t *producer;
extern ap_status_t status;
extern char error[256];
void snippet(void);

ap_config_t *config;
ap_producer_t *producer;
ap_status_t status;
char error[256];

static void must(ap_status_t answer, const char *what)
{
    if (answer == AP_OK)
        return;
    fprintf(stderr, "%s: %s %s\n", what, ap_status_name(answer), error);
    exit(1);
}

static void set(const char *key, const char *value)
{
    must(ap_config_set(config, key, value, error, sizeof error), key);
}

static void on_event(const ap_event_t *event, void *user_data)
{
    (void)user_data;
    printf("event %" PRIu32 ": %s\n", event->type, event->text);
}

int main(void)
{
    config = ap_config_new();
    set("test.mock.num.brokers", "1");
    set("delivery_threshold", "1");
#ifdef SNIPPET_POLLS
    set("event_mode", "poll");
#endif
    must(ap_config_set_event_callback(config, AP_EVENT_ALL, on_event, NULL, NULL), "the callback");
    must(ap_new(config, &producer, error, sizeof error), "ap_new");
    must(ap_produce(producer, "before", NULL, 0, "a message that was there before", 31, 1), "ap_produce");
    snippet();
    if (status < AP_OK && error[0] == '\0') /* an error that the snippet did not provoke */
        must(status, "the snippet");
    if (producer != NULL)
        must(ap_shutdown(producer, 30000), "ap_shutdown");
    ap_free(producer);
    ap_config_free(config);
    return 0;
}
