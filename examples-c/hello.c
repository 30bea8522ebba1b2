/* The smallest program: `hello` sends to the mock cluster inside the library, `hello host:port` to a Kafka. */
#include <async_producer.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[256] = "";
    ap_config_t *config = ap_config_new();
    ap_producer_t *producer = NULL;

    const char *key = argc > 1 ? "bootstrap.servers" : "test.mock.num.brokers";
    const char *value = argc > 1 ? argv[1] : "1";
    ap_status_t status = ap_config_set(config, key, value, error, sizeof error);
    if (status == AP_OK)
        status = ap_new(config, &producer, error, sizeof error);
    if (status == AP_OK)
        status = ap_produce(producer, "greetings", NULL, 0, "hello", 5, 0);
    if (status == AP_OK)
        status = ap_shutdown(producer, 10000); /* delivers what is queued, waits ten seconds at the most */
    ap_free(producer);
    ap_config_free(config);

    if (status != AP_OK) {
        fprintf(stderr, "hello: %s %s\n", ap_status_message(status), error);
        return 1;
    }
    puts("hello: delivered");
    return 0;
}
