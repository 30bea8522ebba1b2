/* ap_config_set_event_callback(): what it refuses, and that user_data_free is called exactly once on each path. */
#include "check.h"

static recorder_t recorder;

static void fresh(void) {
    recorder_start(&recorder);
}

/* The end of each path: freed once by now, and no more. */
static void check_freed_once(void) {
    CHECK_EQ(recorder_frees(&recorder), 1);
    recorder_end(&recorder);
}

static ap_status_t set_callback(ap_config_t *config, uint32_t mask) {
    return ap_config_set_event_callback(config, mask, record_event, &recorder, record_free_call);
}

static ap_config_t *config_calling(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(set_callback(config, AP_EVENT_ALL), AP_OK);
    return config;
}

static void freed_with_the_configuration(void) {
    fresh();
    ap_config_t *config = config_calling();
    CHECK_EQ(recorder_frees(&recorder), 0);
    ap_config_free(config);
    check_freed_once();
    ap_config_free(config);
}

static void freed_when_replaced(void) {
    recorder_t second;
    fresh();
    recorder_start(&second);
    ap_config_t *config = config_calling();
    CHECK_STATUS(ap_config_set_event_callback(config, AP_EVENT_DROPPED, record_event, &second, record_free_call), AP_OK);
    check_freed_once();
    CHECK_EQ(recorder_frees(&second), 0);
    CHECK_STATUS(ap_config_set_event_callback(config, 0, NULL, NULL, NULL), AP_OK); /* none at all */
    CHECK_EQ(recorder_frees(&second), 1);
    ap_config_free(config);
    CHECK_EQ(recorder_frees(&second), 1);
    recorder_end(&second);
}

/* Freed also where the call answers an error: the caller never has to. */
static void freed_on_each_error(void) {
    ap_config_t *freed = ap_config_new();
    ap_config_free(freed);
    fresh();
    CHECK_STATUS(set_callback(NULL, AP_EVENT_ALL), AP_ERR_INVALID_ARGUMENT);
    check_freed_once();
    fresh();
    CHECK_STATUS(set_callback(freed, AP_EVENT_ALL), AP_ERR_INVALID_ARGUMENT);
    check_freed_once();
    fresh();
    CHECK_STATUS(set_callback((ap_config_t *)(uintptr_t)0x1234567890abcdef, 0), AP_ERR_INVALID_ARGUMENT);
    check_freed_once();
}

/* An error leaves the callback there was. */
static void wrong_masks_are_refused(void) {
    static const uint32_t masks[] = {4096, 0x80000000, UINT32_MAX, AP_EVENT_ALL + 4096u};
    recorder_t first;
    recorder_start(&first);
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(ap_config_set_event_callback(config, AP_EVENT_DROPPED, record_event, &first, record_free_call), AP_OK);
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        fresh();
        CHECK_STATUS(set_callback(config, masks[i]), AP_ERR_INVALID_ARGUMENT);
        check_freed_once();
    }
    CHECK_EQ(recorder_frees(&first), 0);
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    produce_tags(producer, 1, 1);
    ap_free(producer);
    CHECK_EQ(recorder_tagged(&first, AP_EVENT_DROPPED, 1), 1);
    CHECK_EQ(recorder_frees(&first), 1);
    recorder_end(&first);
}

static void without_a_callback_it_is_freed_too(void) {
    for (uint32_t mask = 0; mask <= AP_EVENT_ALL; mask += AP_EVENT_ALL) {
        ap_config_t *config = ap_config_new();
        fresh();
        CHECK_STATUS(ap_config_set_event_callback(config, mask, NULL, &recorder, record_free_call), AP_OK);
        ap_config_free(config);
        check_freed_once();
    }
}

/* A mask of 0 is a callback that never runs. */
static void an_empty_mask_reports_nothing(void) {
    fresh();
    ap_config_t *config = config_with(NO_BROKER, NULL);
    CHECK_STATUS(set_callback(config, 0), AP_OK);
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    produce_tags(producer, 1, 3);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), 0);
    check_freed_once();
}

static void the_configuration_may_go_first(void) {
    fresh();
    ap_config_t *config = config_calling();
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    CHECK_EQ(recorder_frees(&recorder), 0);
    ap_free(producer);
    check_freed_once();
    ap_free(producer);
}

static void the_producers_may_go_first(void) {
    fresh();
    ap_config_t *config = config_calling();
    ap_producer_t *one = producer_from(config), *two = producer_from(config);
    ap_free(one);
    ap_free(two);
    CHECK_EQ(recorder_frees(&recorder), 0);
    ap_config_free(config);
    check_freed_once();
}

static void the_last_producer_frees(void) {
    fresh();
    ap_config_t *config = config_calling();
    ap_producer_t *one = producer_from(config), *two = producer_from(config);
    ap_config_free(config);
    ap_free(one);
    CHECK_EQ(recorder_frees(&recorder), 0);
    ap_free(two);
    check_freed_once();
}

/* A producer keeps the callback it was made with. */
static void replaced_while_a_producer_uses_it(void) {
    fresh();
    ap_config_t *config = config_calling();
    ap_producer_t *producer = producer_from(config);
    CHECK_STATUS(ap_config_set_event_callback(config, 0, NULL, NULL, NULL), AP_OK);
    CHECK_EQ(recorder_frees(&recorder), 0);
    produce_tags(producer, 1, 1);
    ap_free(producer);
    CHECK_EQ(recorder_tagged(&recorder, AP_EVENT_DROPPED, 1), 1);
    check_freed_once();
    ap_config_free(config);
}

static void a_producer_that_cannot_be_made_frees_nothing(void) {
    fresh();
    ap_config_t *config = ap_config_new(); /* bootstrap.servers is missing */
    ap_producer_t *producer;
    CHECK_STATUS(set_callback(config, AP_EVENT_ALL), AP_OK);
    CHECK_STATUS(ap_new(config, &producer, NULL, 0), AP_ERR_CONFIG);
    CHECK_EQ(recorder_frees(&recorder), 0);
    ap_config_free(config);
    check_freed_once();
}

static void r50_freed_after_use(void) {
    fresh();
    ap_config_t *config = config_calling();
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    CHECK_EQ(recorder_frees(&recorder), 0); /* still the producer's, until ap_free() */
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_DROPPED), 5);
    check_freed_once();
}

static void freed_in_poll_mode_with_events_unread(void) {
    fresh();
    ap_config_t *config = config_calling();
    config_set(config, "event_mode", "poll");
    ap_producer_t *producer = producer_from(config);
    ap_config_free(config);
    produce_tags(producer, 1, 5);
    CHECK_STATUS(ap_shutdown(producer, 0), AP_ERR_UNDELIVERED);
    ap_free(producer);
    CHECK_EQ(recorder_count(&recorder, AP_EVENT_ALL), 0); /* no foreign thread ever runs the hook */
    check_freed_once();
}

static void null_is_fine_for_both(void) {
    ap_config_t *config = config_with(NO_BROKER, NULL);
    fresh();
    CHECK_STATUS(ap_config_set_event_callback(config, AP_EVENT_ALL, record_event, &recorder, NULL), AP_OK);
    CHECK_STATUS(ap_config_set_event_callback(config, 0, NULL, NULL, NULL), AP_OK);
    ap_config_free(config);
    CHECK_EQ(recorder_frees(&recorder), 0);
    recorder_end(&recorder);
}

int main(void) {
    watchdog(60);
    RUN(freed_with_the_configuration);
    RUN(freed_when_replaced);
    RUN(freed_on_each_error);
    RUN(wrong_masks_are_refused);
    RUN(without_a_callback_it_is_freed_too);
    RUN(an_empty_mask_reports_nothing);
    RUN(the_configuration_may_go_first);
    RUN(the_producers_may_go_first);
    RUN(the_last_producer_frees);
    RUN(replaced_while_a_producer_uses_it);
    RUN(a_producer_that_cannot_be_made_frees_nothing);
    RUN(r50_freed_after_use);
    RUN(freed_in_poll_mode_with_events_unread);
    RUN(null_is_fine_for_both);
    return 0;
}
