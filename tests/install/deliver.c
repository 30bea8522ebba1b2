/* Delivers one message to the mock cluster inside the library, and says which library did it. */
#include <async_producer.h>
#include <stdio.h>

static void count(const ap_event_t *event, void *delivered)
{
    if (event->tag == 42)
        ++*(int *)delivered;
}

int main(void)
{
    char error[256] = "";
    int delivered = 0;
    ap_config_t *config = ap_config_new();
    ap_producer_t *producer = NULL;

    ap_status_t status = ap_config_set(config, "test.mock.num.brokers", "1", error, sizeof error);
    if (status == AP_OK)
        status = ap_config_set_event_callback(config, AP_EVENT_DELIVERED, count, &delivered, NULL);
    if (status == AP_OK)
        status = ap_new(config, &producer, error, sizeof error);
    if (status == AP_OK)
        status = ap_produce(producer, "greetings", "en", 2, "hello", 5, 42);
    if (status == AP_OK)
        status = ap_shutdown(producer, 60000);
    ap_free(producer); /* no event comes after it, so delivered can be read */
    ap_config_free(config);

    if (status != AP_OK || delivered != 1) {
        fprintf(stderr, "deliver: %d delivered, %s %s\n", delivered, ap_status_message(status), error);
        return 1;
    }
    printf("delivered by async_producer %s\n", ap_version_string());
    return 0;
}
