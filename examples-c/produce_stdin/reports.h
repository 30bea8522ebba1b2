/* The hook: what the library reports becomes lines on standard output (-v) and standard error. */
#ifndef REPORTS_H
#define REPORTS_H

#include <async_producer.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NAMED_MAX 20   /* undelivered lines that are named one by one; the summary counts them all */
#define START_BYTES 60 /* how much of a key or value -v shows */

/* Written by the hook, which is one thread, and read by main at the end: the lock is hardly ever contended. */
struct reports {
    bool quiet, progress;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t settled, named;
};

/* One line on standard error, in place of the progress line. */
static void say(const struct reports *reports, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    fputs(reports->progress ? "\r\033[K" : "", stderr);
    fputs("produce_stdin: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
}

/* The start of some bytes, fit for a terminal; how many. */
static int printable(char *to, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    size_t count = length < START_BYTES ? length : START_BYTES;
    while (count > 0 && count < length && (from[count] & 0xC0) == 0x80)
        count--; /* do not cut a UTF-8 character in two */
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] < 0x20 || from[i] == 0x7F ? '.' : (char)from[i];
    return (int)count;
}

static void print_delivery(const ap_event_t *event)
{
    char key[START_BYTES], value[START_BYTES];
    int key_length = printable(key, event->key, event->key_len);
    int value_length = printable(value, event->value, event->value_len);
    printf("%s [%" PRId32 "] at %" PRId64 ": %.*s%s%.*s\n", event->topic, event->partition, event->offset, key_length,
           key, event->key ? " = " : "", value_length, value);
}

/* The tag of a message is the number of its line. */
static void name_undelivered(const struct reports *reports, const ap_event_t *event)
{
    const char *fate = event->persistence == AP_PERSISTENCE_POSSIBLY ? "perhaps delivered" : "not delivered";
    say(reports, "line %" PRIu64 " %s: %s", event->tag, fate, event->text);
}

static void on_settled(struct reports *reports, const ap_event_t *event)
{
    if (event->type == AP_EVENT_DELIVERED)
        print_delivery(event);
    else if (reports->named++ < NAMED_MAX)
        name_undelivered(reports, event);

    pthread_mutex_lock(&reports->lock);
    reports->settled++;
    pthread_cond_signal(&reports->changed);
    pthread_mutex_unlock(&reports->lock);
}

static void on_event(const ap_event_t *event, void *data)
{
    struct reports *reports = data;
    switch (event->type) {
    case AP_EVENT_DELIVERED:
    case AP_EVENT_FAILED:
    case AP_EVENT_DROPPED: on_settled(reports, event); break;
    case AP_EVENT_DELIVERY_FINISHED: fflush(stdout); break; /* whoever reads -v from a pipe need not wait for a block */
    default:
        if (!reports->quiet)
            say(reports, "%s", event->text);
    }
}

/* The counters of the library are exact, so without -v no event for each delivered message is asked for: that is what
 * makes a million lines cheap. */
static uint32_t wanted_events(const ap_config_t *config, bool verbose)
{
    uint32_t events = AP_EVENT_FAILED | AP_EVENT_DROPPED | AP_EVENT_STALLED | AP_EVENT_ERROR;
    if (verbose)
        events |= AP_EVENT_DELIVERED | AP_EVENT_DELIVERY_FINISHED;
    size_t length = 0;
    if (ap_config_get(config, "debug", NULL, &length) == AP_OK && length > 1)
        events |= AP_EVENT_LOG; /* -X debug=... asked for librdkafka's log */
    return events;
}

#endif
