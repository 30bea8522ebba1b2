/* The command line, as settings of the program and of the library. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <async_producer.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GO_ON (-1) /* what read_options() answers where it does not name an exit code */

static const char usage[] =
    "usage: produce_stdin -t topic [options] [file ...]\n"
    "Sends each line of the files, or of standard input (-), to Kafka; an empty line is an empty message.\n"
    "  -t topic      the topic\n"
    "  -b brokers    host:port,...; without it and without bootstrap.servers: the mock cluster in this process\n"
    "  -k separator  what stands before the first separator is the key; a line without one has no key\n"
    "  -p partition  the partition; else by the key\n"
    "  -z codec      none, gzip, snappy, lz4 or zstd\n"
    "  -F file       a configuration file: key=value lines\n"
    "  -X key=value  any property, may be repeated; the later of -b -z -F -X wins\n"
    "  -v            print each delivery: topic, partition, offset, key, start of the value\n"
    "  -q            no progress, no summary\n"
    "  -h            this text\n"
    "The first Ctrl-C ends the reading and delivers what was read, a second one drops what is left.\n"
    "Exit code: 0 all delivered, 1 some not, 2 usage or configuration, 128 + signal stopped before the end.\n";

struct options {
    const char *topic, *separator;
    int32_t partition;
    bool verbose, quiet;
};

/* What suits a pipe: batches for throughput, an interval so that a slow input is not kept waiting, room for a burst. */
static const char *const defaults[][2] = {
    {"delivery_threshold", "10000"},     {"delivery_interval", "0.5"},
    {"max_queue_size", "100000"},        {"max_buffer_size", "100000"},
    {"max_buffer_bytesize", "67108864"}, {"max_pending_bytes", "268435456"},
    {NULL, NULL},
};

/* What this program relies on, whatever -X says: ap_produce() waits a little for room, so that a full queue is neither
 * a lost line nor a busy loop, and answers now and then so that a signal is seen. */
static const char *const fixed[][2] = {{"overflow_wait", "0.5"}, {"event_mode", "callback"}, {NULL, NULL}};

static bool explain(ap_status_t status, const char *error)
{
    if (status != AP_OK)
        fprintf(stderr, "produce_stdin: %s\n", error[0] ? error : ap_status_message(status));
    return status == AP_OK;
}

static bool configure(ap_config_t *config, const char *key, const char *value)
{
    char error[512] = "";
    return explain(ap_config_set(config, key, value, error, sizeof error), error);
}

static bool configure_all(ap_config_t *config, const char *const (*pairs)[2])
{
    bool good = true;
    for (; good && (*pairs)[0]; pairs++)
        good = configure(config, (*pairs)[0], (*pairs)[1]);
    return good;
}

static bool configure_pair(ap_config_t *config, char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals) {
        fprintf(stderr, "produce_stdin: -X %s: key=value is wanted\n", pair);
        return false;
    }
    *equals = '\0';
    return configure(config, pair, equals + 1);
}

static bool configure_file(ap_config_t *config, const char *path)
{
    char error[512] = "";
    return explain(ap_config_load(config, path, error, sizeof error), error);
}

static bool is_set(const ap_config_t *config, const char *key)
{
    size_t length = 0;
    if (ap_config_get(config, key, NULL, &length) != AP_OK || length < 2)
        return false;
    char first[2] = "";
    return length > 2 || ap_config_get(config, key, first, &length) != AP_OK || first[0] != '0';
}

/* A small buffer given with -X takes this program's own threshold down with it; one given with -X is left to ap_new(). */
static bool fit_threshold(ap_config_t *config)
{
    char threshold[32] = "", buffer[32] = "";
    size_t threshold_size = sizeof threshold, buffer_size = sizeof buffer;
    ap_config_get(config, "delivery_threshold", threshold, &threshold_size);
    ap_config_get(config, "max_buffer_size", buffer, &buffer_size);
    bool own = strcmp(threshold, defaults[0][1]) == 0;
    return !own || strtoull(buffer, NULL, 10) >= strtoull(threshold, NULL, 10) ||
           configure(config, "delivery_threshold", buffer);
}

static bool choose_cluster(ap_config_t *config, bool quiet)
{
    if (is_set(config, "bootstrap.servers") || is_set(config, "test.mock.num.brokers"))
        return true;
    if (!quiet)
        fputs("produce_stdin: no brokers given (-b): using the mock cluster inside this process\n", stderr);
    return configure(config, "test.mock.num.brokers", "1");
}

static int usage_error(const char *problem)
{
    fprintf(stderr, "produce_stdin: %s\n%s", problem, usage);
    return 2;
}

static int check_options(const struct options *options, char **files)
{
    if (!options->topic)
        return usage_error("-t topic is missing");
    if (options->separator && !*options->separator)
        return usage_error("-k wants a separator that is not empty");
    for (; *files; files++)
        if (strcmp(*files, "-") != 0 && access(*files, R_OK) != 0) {
            fprintf(stderr, "produce_stdin: %s: %s\n", *files, strerror(errno));
            return 2; /* before anything is sent, rather than in the middle */
        }
    return GO_ON;
}

static bool read_partition(const char *text, int32_t *partition)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    *partition = (int32_t)number;
    return end != text && !*end && !errno && number >= 0 && number <= INT32_MAX;
}

/* GO_ON with options and config filled, else the exit code. The files are argv from optind on. */
static int read_options(int argc, char **argv, struct options *options, ap_config_t *config)
{
    bool good = configure_all(config, defaults);
    int option;
    while (good && (option = getopt(argc, argv, "b:t:k:p:z:F:X:vqh")) != -1) {
        switch (option) {
        case 'b': good = configure(config, "bootstrap.servers", optarg); break;
        case 't': options->topic = optarg; break;
        case 'k': options->separator = optarg; break;
        case 'z': good = configure(config, "compression.codec", optarg); break;
        case 'F': good = configure_file(config, optarg); break;
        case 'X': good = configure_pair(config, optarg); break;
        case 'v': options->verbose = true; break;
        case 'q': options->quiet = true; break;
        case 'h': fputs(usage, stdout); return 0;
        case 'p':
            if (!read_partition(optarg, &options->partition))
                return usage_error("-p wants a partition number");
            break;
        default: return usage_error("these are the options");
        }
    }
    if (!good || !fit_threshold(config) || !configure_all(config, fixed))
        return 2;
    int code = check_options(options, argv + optind);
    return code == GO_ON && !choose_cluster(config, options->quiet) ? 2 : code;
}

#endif
