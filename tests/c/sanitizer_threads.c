/*
 * Only in programs built with a sanitizer: librdkafka starts its threads by thrd_create(), which AddressSanitizer does
 * not know. It would not clean the shadow of their stacks, and in a forked child those stacks are ones that threads of
 * the parent left in the middle of their work: false alarms. This one takes the place of the C library's.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

typedef struct {
    thrd_start_t body;
    void *argument;
} call_t;

static void *run(void *argument) {
    call_t call = *(call_t *)argument;
    free(argument);
    return (void *)(intptr_t)call.body(call.argument); /* as thrd_join() expects it */
}

int thrd_create(thrd_t *thread, thrd_start_t body, void *argument) {
    call_t *call = malloc(sizeof *call);
    if (call == NULL) return thrd_nomem;
    *call = (call_t){body, argument};
    if (pthread_create(thread, NULL, run, call) == 0) return thrd_success;
    free(call);
    return thrd_error;
}
