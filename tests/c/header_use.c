/*
 * The public header in every standard: alone, and twice with -DTWICE. With -Wextra an initializer that forgets a field
 * is an error here. Compiled only; see CMakeLists.txt.
 */
#include <async_producer.h>
#ifdef TWICE
#include <async_producer.h>
#endif

/* The initializers, and every type by both of its names. */
ap_message_t message_with_all_fields(void);
ap_message_t message_with_all_fields(void) {
    ap_message_t message = AP_MESSAGE_INIT;
    return message;
}

struct ap_stats_t stats_with_all_fields(void);
struct ap_stats_t stats_with_all_fields(void) {
    struct ap_stats_t stats = AP_STATS_INIT;
    return stats;
}

int every_status(ap_status_t status);
int every_status(ap_status_t status) {
    switch (status) {
    case AP_OK: return 0;
    case AP_ERR_INVALID_ARGUMENT: return 1;
    case AP_ERR_BUFFER_OVERFLOW: return 2;
    case AP_ERR_MESSAGE_TOO_LARGE: return 3;
    case AP_ERR_SHUT_DOWN: return 4;
    case AP_ERR_TIMED_OUT: return 5;
    case AP_ERR_CONFIG: return 6;
    case AP_ERR_CLIENT: return 7;
    case AP_ERR_UNDELIVERED: return 8;
    case AP_ERR_WOULD_DEADLOCK: return 9;
    case AP_ERR_NO_MEMORY: return 10;
    case AP_ERR_INTERNAL: return 11;
    case AP_ERR_UNSUPPORTED: return 12;
    default: return -1;
    }
}

/* A mask is an OR of types, in C++ too, where an enum is no integer. */
uint32_t settlements(void);
uint32_t settlements(void) {
    return (uint32_t)AP_EVENT_DELIVERED | (uint32_t)AP_EVENT_FAILED | (uint32_t)AP_EVENT_DROPPED;
}

int32_t persistence_of(const ap_event_t *event);
int32_t persistence_of(const ap_event_t *event) {
    return event->persistence == AP_PERSISTENCE_YES ? AP_PARTITION_ANY : event->partition;
}

ap_event_fn same_hook(ap_event_fn hook);
ap_event_fn same_hook(ap_event_fn hook) {
    return hook;
}

ap_free_fn same_free(ap_free_fn function);
ap_free_fn same_free(ap_free_fn function) {
    return function;
}

/* The preprocessor can compare versions. */
#if AP_VERSION_NUMBER < 0x000100
#error "AP_VERSION_NUMBER is not usable in #if"
#endif
