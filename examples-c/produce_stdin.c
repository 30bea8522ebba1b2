/* Sends each line of its input to Kafka: `produce_stdin -b localhost:9092 -t topic < file`.
 *
 * The options are in produce_stdin/options.h, what is printed in reports.h, how lines are read in lines.h. Here is the
 * road of a line: read, queued, waited for. */
#include "produce_stdin/lines.h"
#include "produce_stdin/options.h"
#include "produce_stdin/reports.h"
#include "produce_stdin/signals.h"

#include <time.h>

#define DROP_SIGNALS 2 /* the first signal ends the reading, the second one the waiting */
#define SLICE_MS 200   /* how long a wait may hide a signal or leave the progress line as it is */

struct job {
    struct options options;
    struct reports reports;
    ap_producer_t *producer;
    struct timespec begun, drawn;
    uint64_t lines, refused;
};

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static ap_stats_t counters(const struct job *job)
{
    ap_stats_t stats = AP_STATS_INIT;
    ap_stats(job->producer, &stats);
    return stats;
}

static void draw_progress(void *data)
{
    struct job *job = data;
    if (!job->reports.progress || seconds_since(&job->drawn) < SLICE_MS / 1000.0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &job->drawn);
    ap_stats_t stats = counters(job);
    fprintf(stderr, "\r\033[K%" PRIu64 " read, %" PRIu64 " delivered, %" PRIu64 " waiting", job->lines, stats.delivered,
            stats.queue_size + stats.buffer_size);
}

/* Where the separator begins in the line; NULL where it does not. */
static const char *find(const char *line, size_t length, const char *separator)
{
    size_t wanted = strlen(separator);
    const char *end = line + length;
    for (const char *at = line; (size_t)(end - at) >= wanted; at++) {
        at = memchr(at, separator[0], (size_t)(end - at) - wanted + 1);
        if (!at || memcmp(at, separator, wanted) == 0)
            return at;
    }
    return NULL;
}

static ap_message_t make_message(const struct job *job, const char *line, size_t length)
{
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = job->options.topic;
    message.partition = job->options.partition;
    message.value = line;
    message.value_len = length;
    const char *separator = job->options.separator;
    const char *at = separator ? find(line, length, separator) : NULL;
    if (at) {
        message.key = line;
        message.key_len = (size_t)(at - line);
        message.value = at + strlen(separator);
        message.value_len = length - message.key_len - strlen(separator);
    }
    message.tag = job->lines;
    return message;
}

/* AP_OK, also where only this line was refused; anything else ends the reading. */
static ap_status_t send_line(struct job *job, const char *line, size_t length)
{
    ap_message_t message = make_message(job, line, length);
    ap_status_t status;
    while ((status = ap_produce_message(job->producer, &message)) == AP_ERR_BUFFER_OVERFLOW && !signals)
        draw_progress(job);
    if (status == AP_OK)
        return AP_OK;
    if (status == AP_ERR_MESSAGE_TOO_LARGE) {
        job->refused++;
        say(&job->reports, "line %" PRIu64 " refused: %zu bytes are more than a message may have", job->lines, length);
        return AP_OK;
    }
    return status;
}

/* Sends the lines of one file; true where all of it was read and taken. */
static bool send_file(struct job *job, const char *name, ap_status_t *status)
{
    bool standard = strcmp(name, "-") == 0;
    struct lines lines = {.stop = stop_pipe[0], .idle = draw_progress, .idle_data = job};
    lines.pause_ms = job->reports.progress ? SLICE_MS : -1;
    lines.input = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    int found = lines.input < 0 ? LINES_ERROR : LINES_LINE;
    const char *line;
    size_t length;
    while (found == LINES_LINE && *status == AP_OK && (found = lines_next(&lines, &line, &length)) == LINES_LINE) {
        job->lines++;
        *status = send_line(job, line, length);
    }
    if (found == LINES_ERROR)
        say(&job->reports, "%s: %s", name, strerror(errno));
    free(lines.block);
    if (!standard && lines.input >= 0)
        close(lines.input);
    return found == LINES_END;
}

/* Sends all files, or standard input; true where all of it was read and taken. */
static bool send_input(struct job *job, char **names, ap_status_t *status)
{
    if (!*names)
        return send_file(job, "-", status);
    bool whole = true;
    for (; *names && *status == AP_OK && !signals; names++)
        whole = send_file(job, *names, status) && whole;
    return whole && !*names;
}

/* Waits until everything is delivered, or gives up at the second signal. */
static void deliver(struct job *job)
{
    bool told = false;
    do {
        draw_progress(job);
        if (signals && !told)
            say(&job->reports, "delivering what was read (once more to drop what is left)");
        told = signals > 0;
    } while (signals < DROP_SIGNALS && ap_flush(job->producer, SLICE_MS) == AP_ERR_TIMED_OUT);
    ap_shutdown(job->producer, signals < DROP_SIGNALS ? -1 : 0);
}

/* Everything is settled now, but the hook may not have printed all of it yet. */
static void await_reports(struct reports *reports, uint64_t expected)
{
    pthread_mutex_lock(&reports->lock);
    while (reports->settled < expected && signals < DROP_SIGNALS) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SLICE_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&reports->changed, &reports->lock, &until);
    }
    pthread_mutex_unlock(&reports->lock);
}

static void summarize(const struct job *job, const ap_stats_t *stats, double seconds)
{
    say(&job->reports,
        "%" PRIu64 " accepted, %" PRIu64 " delivered, %" PRIu64 " failed, %" PRIu64 " dropped, %" PRIu64
        " refused in %.3f s (%.0f messages/s)",
        stats->accepted, stats->delivered, stats->failed, stats->dropped, job->refused, seconds,
        seconds > 0 ? (double)stats->delivered / seconds : 0.0);
}

static int exit_code(const struct job *job, const ap_stats_t *stats, ap_status_t status, bool whole)
{
    if (status == AP_ERR_INVALID_ARGUMENT && stats->accepted == 0)
        return 2; /* the topic's name */
    if (stats->delivered < stats->accepted || job->refused > 0)
        return 1;
    if (signals && !whole)
        return 128 + last_signal;
    return whole && status == AP_OK ? 0 : 1;
}

static int run(struct job *job, char **names)
{
    clock_gettime(CLOCK_MONOTONIC, &job->begun);
    ap_status_t status = AP_OK;
    bool whole = send_input(job, names, &status);
    if (status != AP_OK && status != AP_ERR_BUFFER_OVERFLOW) /* an overflow is seen here only after a signal */
        say(&job->reports, "topic %s: %s", job->options.topic, ap_status_message(status));
    deliver(job);
    double seconds = seconds_since(&job->begun);

    ap_stats_t stats = counters(job);
    await_reports(&job->reports, stats.failed + stats.dropped + (job->options.verbose ? stats.delivered : 0));
    if (fflush(stdout) != 0)
        say(&job->reports, "standard output: %s", strerror(errno));
    if (!job->options.quiet)
        summarize(job, &stats, seconds);
    return exit_code(job, &stats, status, whole);
}

static bool start(struct job *job, ap_config_t *config)
{
    char error[512] = "";
    uint32_t events = wanted_events(config, job->options.verbose);
    ap_status_t status = ap_config_set_event_callback(config, events, on_event, &job->reports, NULL);
    if (status == AP_OK)
        status = ap_new(config, &job->producer, error, sizeof error);
    return explain(status, error);
}

/* On a terminal, unless somebody types the input there or -v prints there. */
static bool wants_progress(const struct options *options, const char *first_file)
{
    bool typed = !first_file && isatty(STDIN_FILENO);
    bool printed = options->verbose && isatty(STDOUT_FILENO);
    return !options->quiet && !typed && !printed && isatty(STDERR_FILENO);
}

int main(int argc, char **argv)
{
    struct job job = {.options = {.partition = AP_PARTITION_ANY}};
    pthread_mutex_init(&job.reports.lock, NULL);
    pthread_cond_init(&job.reports.changed, NULL);
    ap_config_t *config = ap_config_new();
    int code = read_options(argc, argv, &job.options, config);
    if (code == GO_ON) {
        job.reports.quiet = job.options.quiet;
        job.reports.progress = wants_progress(&job.options, argv[optind]);
        catch_signals();
        code = start(&job, config) ? run(&job, argv + optind) : 2;
    }
    ap_free(job.producer); /* the hook, which uses the job, is over after this */
    ap_config_free(config);
    return code;
}
