/* ap_new(): everything is checked, nothing is started that is not needed yet. Contradictions: test_config_errors.c. */
#include "check.h"

#include <dirent.h>

/* How many entries a directory of /proc/self has: threads in task, descriptors in fd. */
static int entries(const char *directory) {
    DIR *dir = opendir(directory);
    int count = 0;
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static void null_arguments_are_refused(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = (ap_producer_t *)config;
    char text[64] = "before";
    CHECK_STATUS(ap_new(NULL, &producer, text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK(producer == NULL);
    CHECK(memchr(text, 0, sizeof text) != NULL);
    CHECK_STATUS(ap_new(config, NULL, text, sizeof text), AP_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(ap_new(NULL, NULL, NULL, 0), AP_ERR_INVALID_ARGUMENT);
    ap_config_free(config);
}

static void errbuf_may_be_null(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    ap_producer_t *producer = NULL;
    char text[64] = "before";
    CHECK_STATUS(ap_new(config, &producer, NULL, 0), AP_OK);
    ap_free(producer);
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_OK);
    CHECK_TEXT(text, "");
    ap_free(producer);
    ap_config_free(config);
}

static void the_configuration_is_copied(void) {
    ap_config_t *config = config_with(NO_BROKER, "max_queue_size", "3", "max_buffer_size", "2", NULL);
    ap_producer_t *producer = producer_from(config);
    config_set(config, "max_queue_size", "99");
    ap_producer_t *other = producer_from(config);
    ap_config_free(config);
    CHECK_EQ(stats_of(producer).max_queue_size, 3);
    CHECK_EQ(stats_of(producer).max_buffer_size, 2);
    CHECK_EQ(stats_of(other).max_queue_size, 99);
    ap_free(producer);
    ap_free(other);
}

static void no_thread_stays_behind_until_the_first_message(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    int before = entries("/proc/self/task");
    ap_producer_t *producer = producer_from(config);
    WAIT_UNTIL(entries("/proc/self/task") == before); /* a thread that has ended may still be listed for a moment */
    CHECK_STATUS(ap_shutdown(producer, 0), AP_OK);
    CHECK_EQ(entries("/proc/self/task"), before);
    ap_free(producer);
    ap_config_free(config);
}

static void threads_and_descriptors_come_back(void) {
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    for (int i = 0; i < 5; i++) {
        ap_producer_t *producer = producer_calling(NULL, NULL, 0, MOCK, NULL);
        produce_tags(producer, 1, 10);
        finish(producer);
    }
    WAIT_UNTIL(entries("/proc/self/task") <= threads);
    CHECK_AT_MOST(entries("/proc/self/fd"), descriptors);
}

/* As above where nothing can be delivered: the client has to be thrown away with messages in it. */
static void threads_and_descriptors_come_back_without_a_broker(void) {
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    for (int i = 0; i < 5; i++) {
        ap_producer_t *producer = producer_calling(NULL, NULL, 0, NO_BROKER, NULL);
        produce_tags(producer, 1, 10);
        CHECK_STATUS(ap_deliver(producer), AP_OK);
        WAIT_UNTIL(stats_of(producer).deliveries >= 1); /* two, where some were still in the queue */
        ap_free(producer);
    }
    WAIT_UNTIL(entries("/proc/self/task") <= threads);
    CHECK_AT_MOST(entries("/proc/self/fd"), descriptors);
}

static void unreadable_tls_file_is_a_configuration_error(void) {
    ap_config_t *config = config_with(NO_BROKER, "security.protocol", "ssl", "ssl.ca.location",
                                      "no/such/authorities.pem", NULL);
    ap_producer_t *producer = (ap_producer_t *)config;
    char text[512];
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_ERR_CONFIG);
    CHECK(producer == NULL);
    CHECK_HAS(text, "ssl.ca.location: \"no/such/authorities.pem\" is not allowed");
    ap_config_free(config);
}

static void a_secret_stays_out_of_the_reason(void) {
    ap_config_t *config = config_with(NO_BROKER, "security.protocol", "ssl", "ssl.key.pem", "hunter2", NULL);
    ap_producer_t *producer = NULL;
    char text[512];
    CHECK_STATUS(ap_new(config, &producer, text, sizeof text), AP_ERR_CONFIG);
    CHECK(strstr(text, "hunter2") == NULL);
    ap_config_free(config);
}

/* Handles of many producers live side by side, and none is another's. */
static void many_producers_live_side_by_side(void) {
    enum { MANY = 200 };
    static ap_producer_t *producers[MANY];
    ap_config_t *config = config_with(NO_BROKER, NULL);
    for (int i = 0; i < MANY; i++) {
        producers[i] = producer_from(config);
        for (int j = 0; j < i; j++) CHECK(producers[j] != producers[i]);
    }
    ap_config_free(config);
    for (int i = 0; i < MANY; i += 2) ap_free(producers[i]);
    for (int i = 0; i < MANY; i++) {
        ap_stats_t stats = AP_STATS_INIT;
        CHECK_STATUS(ap_stats(producers[i], &stats), i % 2 == 0 ? AP_ERR_INVALID_ARGUMENT : AP_OK);
    }
    for (int i = 0; i < MANY; i++) ap_free(producers[i]);
}

int main(void) {
    watchdog(120);
    RUN(null_arguments_are_refused);
    RUN(errbuf_may_be_null);
    RUN(the_configuration_is_copied);
    RUN(no_thread_stays_behind_until_the_first_message);
    RUN(threads_and_descriptors_come_back);
    RUN(threads_and_descriptors_come_back_without_a_broker);
    RUN(unreadable_tls_file_is_a_configuration_error);
    RUN(a_secret_stays_out_of_the_reason);
    RUN(many_producers_live_side_by_side);
    return 0;
}
