/*
 * async_producer: hands messages to Kafka in the background.
 *
 * Made by cbindgen from src/ffi; change it there and run `make header`.
 *
 *     ap_config_t *config = ap_config_new();
 *     ap_config_set(config, "bootstrap.servers", "localhost:9092", NULL, 0);
 *     ap_config_set(config, "delivery_threshold", "100", NULL, 0);
 *     ap_config_set(config, "delivery_interval", "5", NULL, 0);
 *     ap_producer_t *producer;
 *     if (ap_new(config, &producer, errbuf, sizeof errbuf) != AP_OK) ...
 *     ap_produce(producer, "greetings", NULL, 0, "hello", 5, 0);
 *     ap_shutdown(producer, -1);
 *     ap_free(producer);
 *     ap_config_free(config);
 *
 * Conventions. Functions return ap_status_t (0 = done, negative = error) or a count (negative = that error). Everything
 * passed in is copied before the call returns. Handles are checked numbers: a NULL, freed or foreign one answers
 * AP_ERR_INVALID_ARGUMENT and is never followed. Lengths are bytes, times are milliseconds (arguments), microseconds
 * (durations in events and statistics) or seconds (configuration). No function may be called in a signal handler.
 *
 * Memory. Where there is none left, producing, delivering, polling and reading events answer AP_ERR_NO_MEMORY and hold
 * nothing. Elsewhere (configurations, ap_new, the first message of a producer, ap_flush, ap_clear, an event's headers for
 * the callback, the threads of the library) librdkafka and Rust's standard library end the process.
 */

#ifndef ASYNC_PRODUCER_H
#define ASYNC_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

/** The major version of this header; ap_version() has the version of the running library. */
#define AP_VERSION_MAJOR 0

/** The minor version of this header. */
#define AP_VERSION_MINOR 1

/** The patch version of this header. */
#define AP_VERSION_PATCH 0

/** The version of this header as ap_version() answers it: (major << 16) | (minor << 8) | patch. */
#define AP_VERSION_NUMBER ((AP_VERSION_MAJOR << 16) | (AP_VERSION_MINOR << 8) | AP_VERSION_PATCH)

/** The version of this header as text. */
#define AP_VERSION_STRING "0.1.0"

/** The linkage of every function; define it before the include to override it. */
#ifndef AP_API
#  if defined(__GNUC__)
#    define AP_API extern __attribute__((visibility("default")))
#  else
#    define AP_API extern
#  endif
#endif

/** ap_message_t.partition: let the partitioner choose. */
#define AP_PARTITION_ANY (-1)

/** What an ap_message_t starts from: struct_size set, any partition, everything else 0. */
#define AP_MESSAGE_INIT { sizeof(ap_message_t), NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, AP_PARTITION_ANY }

/** What an ap_stats_t starts from: struct_size set, everything else 0. */
#define AP_STATS_INIT { sizeof(ap_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }


/**
 * The values of ap_status_t.
 */
typedef enum ap_status {
    /**
     * Done.
     */
    AP_OK = 0,
    /**
     * An argument is not allowed: a NULL, freed or foreign handle; a NULL topic; NULL with a length; a length over
     * 2 GiB - 1; an empty, illegal or overlong topic name; a negative partition other than AP_PARTITION_ANY; a
     * timeout below -1; a struct_size this version does not know. Nothing was done.
     */
    AP_ERR_INVALID_ARGUMENT = -1,
    /**
     * The limit of messages (max_queue_size) or of bytes (max_pending_bytes) is reached. Nothing was queued.
     */
    AP_ERR_BUFFER_OVERFLOW = -2,
    /**
     * The message is larger than message.max.bytes, or can never fit in max_pending_bytes. Nothing was queued.
     */
    AP_ERR_MESSAGE_TOO_LARGE = -3,
    /**
     * ap_shutdown() has begun or is over. Nothing was queued.
     */
    AP_ERR_SHUT_DOWN = -4,
    /**
     * The deadline passed first, or ap_wake() was called.
     */
    AP_ERR_TIMED_OUT = -5,
    /**
     * An unknown property, a value that is not allowed, or properties that contradict each other; errbuf has the text.
     */
    AP_ERR_CONFIG = -6,
    /**
     * The Kafka client or a thread of the library could not be started; errbuf has the text.
     */
    AP_ERR_CLIENT = -7,
    /**
     * Shutdown or flush ended with messages that were not delivered; each was reported in an event of its own.
     */
    AP_ERR_UNDELIVERED = -8,
    /**
     * A blocking call was made from inside the event callback, where it could never return.
     */
    AP_ERR_WOULD_DEADLOCK = -9,
    /**
     * Memory could not be allocated. Nothing was done.
     */
    AP_ERR_NO_MEMORY = -10,
    /**
     * A defect of the library was contained at its boundary; the producer refuses further work and should be freed.
     */
    AP_ERR_INTERNAL = -11,
    /**
     * Not available in this build, event mode or platform.
     */
    AP_ERR_UNSUPPORTED = -12,
} ap_status;

/**
 * The types of events. Each is one bit: a mask is an OR of types, and ap_event_t.type is one of them.
 */
typedef enum ap_event_type {
    /**
     * A message was accepted by ap_produce(): topic, tag, queue_size, max_queue_size. May be coalesced: then
     * message_count says how many, and the rest is the latest one's.
     */
    AP_EVENT_ENQUEUED = 1,
    /**
     * A message was refused by ap_produce() for lack of room: topic, tag, queue_size, max_queue_size. May be coalesced.
     */
    AP_EVENT_BUFFER_OVERFLOW = 2,
    /**
     * A delivery begins: message_count messages go to Kafka. May be coalesced.
     */
    AP_EVENT_DELIVERY_STARTED = 4,
    /**
     * Every message of a delivery is settled: message_count messages, attempt is the highest number of attempts one
     * of them took, duration_us the time; status is AP_ERR_UNDELIVERED where one of them was not delivered. May be
     * coalesced: then attempt and duration_us are the latest one's.
     */
    AP_EVENT_DELIVERY_FINISHED = 8,
    /**
     * One message was acknowledged: topic, partition, offset, timestamp_ms, tag, attempt; duration_us is the time since
     * ap_produce(). It carries the whole message.
     */
    AP_EVENT_DELIVERED = 16,
    /**
     * One message is settled without delivery: Kafka refused it for good, the retries are used up, or its fate is
     * unknown (persistence says which). text says how far it came, the broker, the reason, the attempts and the last
     * error. It carries the whole message.
     */
    AP_EVENT_FAILED = 32,
    /**
     * A delivery of message_count messages failed and will be tried again: topic, partition, attempt; duration_us is the
     * pause before the next attempt. May be coalesced.
     */
    AP_EVENT_RETRY = 64,
    /**
     * One message was dropped by ap_clear() or at the end of ap_shutdown(). It carries the whole message.
     */
    AP_EVENT_DROPPED = 128,
    /**
     * Nothing could be delivered for stall_report_interval although messages wait; text says what they wait for and the
     * last error. May be coalesced.
     */
    AP_EVENT_STALLED = 256,
    /**
     * An error of the client: brokers down, authentication, a fatal error after which the client is made anew. What
     * happens again and again is told once, then once a minute: message_count says how often since. May be coalesced.
     */
    AP_EVENT_ERROR = 512,
    /**
     * A log line of librdkafka: text; status is its syslog level (0 to 7). The same line is told as ERROR is. May
     * be coalesced.
     */
    AP_EVENT_LOG = 1024,
    /**
     * librdkafka's statistics as JSON in value, every statistics.interval.ms milliseconds where that is set. Where they
     * are not read in time, only the latest is kept.
     */
    AP_EVENT_STATS = 2048,
    /**
     * Every type above.
     */
    AP_EVENT_ALL = 4095,
} ap_event_type;

/**
 * What is known of a message in the broker's log.
 */
typedef enum ap_persistence {
    /**
     * It is not there: sending it again makes no duplicate.
     */
    AP_PERSISTENCE_NO = 0,
    /**
     * It may be there: it was sent and no answer came.
     */
    AP_PERSISTENCE_POSSIBLY = 1,
    /**
     * It is there.
     */
    AP_PERSISTENCE_YES = 2,
} ap_persistence;

/**
 * The settings of a producer: made by ap_config_new(), filled by ap_config_set(), copied by ap_new(), freed by
 * ap_config_free(). Use it on one thread at a time.
 */
typedef struct ap_config_t ap_config_t;

/**
 * A producer: made by ap_new(), ended by ap_shutdown(), freed by ap_free(). Every function takes it from any thread.
 *
 * It is a checked number, not an address: a freed, foreign or random one answers AP_ERR_INVALID_ARGUMENT.
 */
typedef struct ap_producer_t ap_producer_t;

/**
 * One header of a message. A value of NULL with length 0 is a null value, non-NULL with length 0 an empty one.
 */
typedef struct ap_header_t {
    /**
     * The name, ended with a NUL; not NULL, may be empty.
     */
    const char *name;
    /**
     * The value, any bytes.
     */
    const void *value;
    /**
     * Bytes of value.
     */
    size_t value_len;
} ap_header_t;

/**
 * A message with everything Kafka knows. Start from AP_MESSAGE_INIT and set what is needed.
 */
typedef struct ap_message_t {
    /**
     * sizeof(ap_message_t), set by AP_MESSAGE_INIT.
     */
    size_t struct_size;
    /**
     * The topic: 1 to 249 letters, digits, dots, underscores and hyphens, not "." or "..".
     */
    const char *topic;
    /**
     * The key. NULL with length 0 is no key, non-NULL with length 0 an empty one.
     */
    const void *key;
    /**
     * Bytes of key.
     */
    size_t key_len;
    /**
     * The value. NULL with length 0 is Kafka's null (a tombstone), non-NULL with length 0 an empty value.
     */
    const void *value;
    /**
     * Bytes of value.
     */
    size_t value_len;
    /**
     * Chooses the partition instead of the key; not sent. NULL with length 0 is none.
     */
    const void *partition_key;
    /**
     * Bytes of partition_key.
     */
    size_t partition_key_len;
    /**
     * The headers; NULL where header_count is 0.
     */
    const struct ap_header_t *headers;
    /**
     * How many headers.
     */
    size_t header_count;
    /**
     * Milliseconds since 1970 (UTC); 0 = the time of the call.
     */
    int64_t timestamp_ms;
    /**
     * Any number; it comes back in this message's events.
     */
    uint64_t tag;
    /**
     * The partition, or AP_PARTITION_ANY (-1): chosen by the partitioner.
     */
    int32_t partition;
} ap_message_t;

/**
 * What a function answers: AP_OK (0) or one of the negative AP_ERR_ values of enum ap_status.
 *
 * It is a plain int32_t, so that any value may be passed to ap_status_name() and ap_status_message(). Values never
 * change once released. Functions that count return an int64_t: the count, or one of these as a negative number.
 */
typedef int32_t ap_status_t;

/**
 * Something that happened. Made by the library, valid only until the callback returns; grows only at its end.
 *
 * A field that its type does not speak of is 0, NULL, or -1 for partition and offset.
 */
typedef struct ap_event_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t struct_size;
    /**
     * One AP_EVENT_ type.
     */
    uint32_t type;
    /**
     * The ap_status_t of what happened; for AP_EVENT_LOG the syslog level of the line.
     */
    int32_t status;
    /**
     * librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
     */
    int32_t kafka_error;
    /**
     * The partition, -1 = unknown.
     */
    int32_t partition;
    /**
     * The offset in the partition, -1 = unknown.
     */
    int64_t offset;
    /**
     * The message's timestamp in milliseconds since 1970 (UTC); else the time of the event.
     */
    int64_t timestamp_ms;
    /**
     * The tag given with the message.
     */
    uint64_t tag;
    /**
     * The topic, ended with a NUL; NULL where the event is about no topic.
     */
    const char *topic;
    /**
     * One line for a person, ended with a NUL; never NULL, never with a password in it.
     */
    const char *text;
    /**
     * The key; NULL = none.
     */
    const void *key;
    /**
     * Bytes of key.
     */
    size_t key_len;
    /**
     * The value; NULL = Kafka's null.
     */
    const void *value;
    /**
     * Bytes of value.
     */
    size_t value_len;
    /**
     * The headers; NULL where header_count is 0.
     */
    const struct ap_header_t *headers;
    /**
     * How many headers.
     */
    size_t header_count;
    /**
     * Messages in the queue when it happened.
     */
    uint64_t queue_size;
    /**
     * The limit of queue_size.
     */
    uint64_t max_queue_size;
    /**
     * Messages in the buffer when it happened, those on their way included.
     */
    uint64_t buffer_size;
    /**
     * How many messages, or how many coalesced occurrences, the event speaks of.
     */
    uint64_t message_count;
    /**
     * A time in microseconds, as said beside each type.
     */
    uint64_t duration_us;
    /**
     * How many attempts were made.
     */
    uint32_t attempt;
    /**
     * One AP_PERSISTENCE_ value.
     */
    int32_t persistence;
} ap_event_t;

/**
 * The event callback.
 *
 * In callback mode it runs on a thread of the library, never on one of the program's and never twice at a time; in poll
 * mode on the thread that calls ap_poll(). It may call ap_produce(), ap_deliver(), ap_stats() and the like; ap_flush(),
 * ap_shutdown() and ap_poll() answer AP_ERR_WOULD_DEADLOCK in it. It may take its time: delivery and shutdown do not
 * wait for it, but messages whose events it has not read keep their place in the limits. It must return normally: no
 * longjmp, no exception (in C++ make it noexcept). The event and all it points to is valid until it returns.
 */
typedef void (*ap_event_fn)(const struct ap_event_t *event, void *user_data);

/**
 * Called once when the library no longer needs the user_data of a callback.
 */
typedef void (*ap_free_fn)(void *user_data);

/**
 * The counters of a producer since it was made. Set struct_size to sizeof(ap_stats_t) before the call, or start from
 * AP_STATS_INIT; the struct grows only at its end.
 *
 * accepted = delivered + failed + dropped + queue_size + buffer_size, but for messages whose settlement event is not
 * read yet: those are settled and still hold their place in the sizes.
 */
typedef struct ap_stats_t {
    /**
     * Bytes of this struct the caller knows; set by the caller.
     */
    size_t struct_size;
    /**
     * Messages taken by ap_produce() and the like.
     */
    uint64_t accepted;
    /**
     * Messages Kafka acknowledged.
     */
    uint64_t delivered;
    /**
     * Messages settled without delivery: refused for good, given up, or of unknown fate.
     */
    uint64_t failed;
    /**
     * Of the failed ones, those of which it is not known whether Kafka has them.
     */
    uint64_t unknown;
    /**
     * Messages dropped by ap_clear() or at the end of ap_shutdown().
     */
    uint64_t dropped;
    /**
     * Calls (or, in a batch, messages) refused with AP_ERR_BUFFER_OVERFLOW.
     */
    uint64_t overflowed;
    /**
     * Messages handed to Kafka again after a failure, each time counted.
     */
    uint64_t retried;
    /**
     * Messages that wait in the queue now; never more than max_queue_size.
     */
    uint64_t queue_size;
    /**
     * The limit of queue_size.
     */
    uint64_t max_queue_size;
    /**
     * Messages in the buffer now, those on their way to Kafka included; never more than max_buffer_size.
     */
    uint64_t buffer_size;
    /**
     * The limit of buffer_size.
     */
    uint64_t max_buffer_size;
    /**
     * Messages handed to Kafka and not answered yet; never more than max_buffer_size.
     */
    uint64_t in_flight;
    /**
     * Bytes of memory held for messages: key, value, headers, topic and overhead.
     */
    uint64_t pending_bytes;
    /**
     * The limit of pending_bytes, 0 = none.
     */
    uint64_t max_pending_bytes;
    /**
     * Deliveries started.
     */
    uint64_t deliveries;
    /**
     * How long the last finished delivery took, in microseconds.
     */
    uint64_t last_delivery_us;
    /**
     * Events that wait to be read by the callback or by ap_poll().
     */
    uint64_t unread_events;
    /**
     * Times the Kafka client was made anew after a fatal error.
     */
    uint64_t client_resets;
} ap_stats_t;

/**
 * An event as ap_poll_events() writes it: 64 bytes without pointers, to be read by offset from any language. The
 * fields mean what they mean in ap_event_t; a field that its type does not speak of is 0, or -1 for partition and offset.
 */
typedef struct ap_event_entry_t {
    /**
     * Looks up the rest with ap_event_text() and ap_event_message() until the next call of ap_poll_events(); 0 =
     * there is no more to know: DELIVERED, DELIVERY_STARTED and DELIVERY_FINISHED. Offset 0.
     */
    uint64_t id;
    /**
     * The tag given with the message. Offset 8.
     */
    uint64_t tag;
    /**
     * The offset in the partition, -1 = unknown. Offset 16.
     */
    int64_t offset;
    /**
     * The message's timestamp in milliseconds since 1970 (UTC); else the time of the event. Offset 24.
     */
    int64_t timestamp_ms;
    /**
     * A time in microseconds, as said beside each type. Offset 32.
     */
    uint64_t duration_us;
    /**
     * One AP_EVENT_ type. Offset 40.
     */
    uint32_t type;
    /**
     * The ap_status_t of what happened; for AP_EVENT_LOG the syslog level of the line. Offset 44.
     */
    int32_t status;
    /**
     * librdkafka's error code (negative: its own, positive: the broker's), 0 = none. Offset 48.
     */
    int32_t kafka_error;
    /**
     * The partition, -1 = unknown. Offset 52.
     */
    int32_t partition;
    /**
     * How many messages, or how many coalesced occurrences, the event speaks of; 2^32 - 1 = as many or more. Offset 56.
     */
    uint32_t message_count;
    /**
     * How many attempts were made; 65535 = as many or more. Offset 60.
     */
    uint16_t attempt;
    /**
     * One AP_PERSISTENCE_ value. Offset 62.
     */
    uint16_t persistence;
} ap_event_entry_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Queues many messages, in order.
 *
 * All are checked first: where one is wrong, none is taken. Then as many as there is room for are taken from the
 * front; fewer than count means that the next one met AP_ERR_BUFFER_OVERFLOW, and the caller may try again with the rest.
 *
 * Ownership: as ap_produce_message(), for each message taken.
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT; messages may be NULL where count is 0.
 * Threads:   as ap_produce(); the messages of one call are not interleaved with each other, those of other threads may
 *            come between. overflow_wait applies to each message.
 * Returns:   how many were taken, 0 to count; or, with none taken,
 *            AP_ERR_INVALID_ARGUMENT   as ap_produce_message(), for any of the messages; or they differ in struct_size
 *            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
 *            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
 * Since:     0.1.0
 */
AP_API
int64_t ap_produce_batch(struct ap_producer_t *producer,
                         const struct ap_message_t *messages,
                         size_t count);

/**
 * Queues many messages of one topic, in order: their values joined in one buffer, and if they have keys those in
 * another. For languages to which a struct is dear.
 *
 * The value of a message has value_sizes[i] bytes and begins where the one before ends; a size of -1 is Kafka's null
 * (a tombstone) and takes no bytes. Keys likewise. As ap_produce_batch() otherwise: all are checked first, then as
 * many as there is room for are taken from the front.
 *
 * Ownership: everything is copied before the call returns.
 * NULL:      producer or topic -> AP_ERR_INVALID_ARGUMENT. key_sizes: no message has a key (keys_len is 0 then).
 *            value_sizes may be NULL where count is 0; keys and values where their length is 0.
 * Threads:   as ap_produce_batch().
 * Units:     keys_len and values_len are the bytes of the joined buffers, and must be what the sizes add up to.
 *            first_tag is the tag of the first message; each next one's is one more.
 * Returns:   how many were taken, 0 to count; or, with none taken,
 *            AP_ERR_INVALID_ARGUMENT   not a producer, an illegal topic, a NULL as above, a size below -1, or sizes that
 *                                      do not add up to the length of their buffer
 *            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
 *            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
 * Since:     0.1.0
 */
AP_API
int64_t ap_produce_arrays(struct ap_producer_t *producer,
                          const char *topic,
                          const void *keys,
                          size_t keys_len,
                          const int32_t *key_sizes,
                          const void *values,
                          size_t values_len,
                          const int32_t *value_sizes,
                          size_t count,
                          uint64_t first_tag);

/**
 * Queues many messages, in order, from one buffer of packed records: any topics, with headers and all the rest. For
 * languages to which a struct is dear.
 *
 * Records follow each other without gaps. Integers are little-endian and need no alignment. A record is:
 *
 *     offset  type    field
 *     0       uint32  size                bytes of the whole record, this field included
 *     4       uint32  topic_len           without its NUL
 *     8       int32   partition           or AP_PARTITION_ANY (-1)
 *     12      int32   key_len             -1 = no key
 *     16      int32   value_len           -1 = Kafka's null
 *     20      int32   partition_key_len   -1 = none
 *     24      int64   timestamp_ms        0 = the time of the call
 *     32      uint64  tag
 *     40      uint32  header_count
 *     44      uint32  reserved            0
 *     48      the topic, a NUL, the key, the value, the partition key, then each header:
 *             uint32  name_len            without its NUL
 *             int32   value_len           -1 = null
 *             the name, a NUL, the value
 *
 * As ap_produce_batch() otherwise: all are checked first, then as many as there is room for are taken from the front.
 *
 * Ownership: everything is copied before the call returns.
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT; records may be NULL where records_len is 0.
 * Threads:   as ap_produce_batch().
 * Units:     records_len in bytes.
 * Returns:   how many messages were taken; fewer than there are means that the next one met AP_ERR_BUFFER_OVERFLOW. Or,
 *            with none taken,
 *            AP_ERR_INVALID_ARGUMENT   not a producer, a NULL as above, a record that is not of this form, or as
 *                                      ap_produce_message() for any of the messages
 *            AP_ERR_MESSAGE_TOO_LARGE  one is over message.max.bytes or max_pending_bytes
 *            AP_ERR_SHUT_DOWN, AP_ERR_CLIENT, AP_ERR_NO_MEMORY, AP_ERR_INTERNAL  as ap_produce(), before the first was taken
 * Since:     0.1.0
 */
AP_API
int64_t ap_produce_packed(struct ap_producer_t *producer,
                          const void *records,
                          size_t records_len);

/**
 * Makes a configuration with every property at its default.
 *
 * Ownership: the caller owns it and frees it with ap_config_free(); a producer made from it does not need it any more.
 * NULL:      returned when memory could not be allocated.
 * Threads:   any thread. Never blocks.
 * Since:     0.1.0
 */
AP_API struct ap_config_t *ap_config_new(void);

/**
 * Sets one property.
 *
 * The producer's own properties are max_queue_size, max_buffer_size, max_buffer_bytesize, delivery_threshold,
 * delivery_interval, max_retries, retry_backoff, max_pending_bytes, overflow_wait, event_mode, stall_report_interval
 * and partitioner; every other name is librdkafka's (bootstrap.servers, acks, compression.codec, security.protocol ...)
 * and is checked by it at once. Setting a property again replaces its value.
 *
 * Ownership: key and value are copied; errbuf stays the caller's and is always ended with a NUL (cut if it is short;
 *            256 bytes are enough for most texts). On success it is the empty string.
 * NULL:      config, key or value -> AP_ERR_INVALID_ARGUMENT. errbuf may be NULL where errbuf_len is 0.
 * Threads:   one thread at a time for a configuration. Never blocks.
 * Returns:   AP_OK                    set
 *            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above
 *            AP_ERR_CONFIG            unknown property or a value that is not allowed: errbuf names the key, the value
 *                                     and what is allowed; the old value stays
 *            AP_ERR_UNSUPPORTED       a property of librdkafka that this library cannot honour (transactional.id)
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API
ap_status_t ap_config_set(struct ap_config_t *config,
                          const char *key,
                          const char *value,
                          char *errbuf,
                          size_t errbuf_len);

/**
 * Reads the value a property has now: what was set, else its default. Passwords and other secrets are masked.
 *
 * Ownership: the value is copied into buf, ended with a NUL.
 * NULL:      config, key or len -> AP_ERR_INVALID_ARGUMENT. buf may be NULL: then only the length is answered.
 * Units:     *len is the size of buf in bytes on entry, the bytes the value needs with its NUL on return.
 * Threads:   one thread at a time for a configuration. Never blocks.
 * Returns:   AP_OK                    buf has the value (or buf was NULL), *len its length with the NUL
 *            AP_ERR_INVALID_ARGUMENT  not a configuration, a NULL as above, or buf is too small (*len says what it
 *                                     takes, buf is unchanged)
 *            AP_ERR_CONFIG            no such property; *len is unchanged
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API ap_status_t ap_config_get(const struct ap_config_t *config, const char *key, char *buf, size_t *len);

/**
 * Sets the properties of a file: a key=value on each line; empty lines and lines that start with # are passed over,
 * blanks around the key and around the value are dropped.
 *
 * All or nothing: where one line is wrong, no property is changed.
 *
 * Ownership: path is copied; errbuf as in ap_config_set().
 * NULL:      config or path -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   one thread at a time for a configuration. Blocks for as long as reading the file takes.
 * Returns:   AP_OK                    every line was set
 *            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above
 *            AP_ERR_CONFIG            the file cannot be read or a line is wrong: errbuf names the file, the line, the
 *                                     key, the value and what is allowed
 *            AP_ERR_UNSUPPORTED       as in ap_config_set()
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API ap_status_t ap_config_load(struct ap_config_t *config, const char *path, char *errbuf, size_t errbuf_len);

/**
 * Says which events the producers made from this configuration report, and to what callback.
 *
 * Every producer made from the configuration calls the same callback with the same user_data, each from its own
 * thread. Setting it again replaces the callback for producers made later.
 *
 * Ownership: user_data is passed through untouched. user_data_free is called with it exactly once, when the last of the
 *            configuration and the producers made from it lets go of it, also where this call answers an error; it
 *            may run on any thread that calls ap_config_free(), ap_free() or this function.
 * NULL:      config -> AP_ERR_INVALID_ARGUMENT. callback may be NULL with event_mode poll: the events are then read
 *            with ap_poll_events(). user_data and user_data_free may be NULL.
 * Threads:   one thread at a time for a configuration. Never blocks.
 * Returns:   AP_OK                    set
 *            AP_ERR_INVALID_ARGUMENT  not a configuration, or a bit in event_mask that is no AP_EVENT_ type
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API
ap_status_t ap_config_set_event_callback(struct ap_config_t *config,
                                         uint32_t event_mask,
                                         ap_event_fn callback,
                                         void *user_data,
                                         ap_free_fn user_data_free);

/**
 * Frees a configuration. Producers made from it go on.
 *
 * NULL:      fine, as is a configuration that is freed already: nothing happens.
 * Threads:   any thread. Never blocks.
 * Since:     0.1.0
 */
AP_API void ap_config_free(struct ap_config_t *config);

/**
 * Poll mode: fills an array with events that wait, and answers how many. It takes the place of ap_poll() where a
 * callback is dear or not possible.
 *
 * Where none waits, it waits for the first; then it takes what is there, max_events at the most. After the event
 * descriptor became readable, call it until it answers 0: the last call gives back the places of what the one before
 * it handed out. Which events there are says the mask of ap_config_set_event_callback(), whose callback may be NULL.
 *
 * Ownership: events is the caller's: max_events entries of event_size bytes each, in memory of any alignment. What
 *            their ids stand for stays with the library until the next call of this function, and keeps its place in
 *            the limits until then. Read by one thread at a time, or ids are gone before they are looked up.
 * NULL:      producer or events -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread. Blocks up to timeout_ms: bind it so that a language's other threads can run, unless the
 *            timeout is 0.
 * Units:     timeout_ms in milliseconds; -1 = no limit, 0 = do not wait. event_size in bytes: the size of
 *            ap_event_entry_t that the caller knows, 64 or more; what a later version of it has more is 0 here.
 * Returns:   the number of events, 0 = the time passed, ap_wake() was called, or the producer is shut down and every
 *            event is read; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer, a timeout below -1, max_events of 0, or an event_size below 64
 *                                     or above 4096
 *            AP_ERR_UNSUPPORTED       event_mode is callback
 *            AP_ERR_WOULD_DEADLOCK    called in the event callback
 *            AP_ERR_NO_MEMORY         no memory to take events into; they stay
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API
int64_t ap_poll_events(struct ap_producer_t *producer,
                       int64_t timeout_ms,
                       void *events,
                       size_t event_size,
                       size_t max_events);

/**
 * The text of an event: one line for a person.
 *
 * Ownership: the text is copied into buf and ended with a NUL, cut where buf is short.
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT. buf may be NULL where buf_len is 0: then only the length is answered.
 * Threads:   any thread, also in the callback. Never blocks.
 * Units:     buf_len in bytes, the NUL included.
 * Returns:   the bytes of the whole text without the NUL; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer, or id is none of the last ap_poll_events()
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API int64_t ap_event_text(struct ap_producer_t *producer, uint64_t id, char *buf, size_t buf_len);

/**
 * What an event is about, whole, as a packed record of ap_produce_packed(): for FAILED and DROPPED the message, which
 * can be produced again as it is; for STATS the JSON as value; for others the topic, empty where there is none.
 *
 * Of a FAILED or DROPPED message the partition is the one it was produced with, -1 where that was the partitioner's choice.
 *
 * Ownership: the record is copied into buf; where buf is too small, nothing is.
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT. buf may be NULL where buf_len is 0: then only the size is answered.
 * Threads:   any thread, also in the callback. Never blocks.
 * Units:     buf_len in bytes.
 * Returns:   the bytes of the record; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer, or id is none of the last ap_poll_events()
 *            AP_ERR_NO_MEMORY         no memory to put it together
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API
int64_t ap_event_message(struct ap_producer_t *producer,
                         uint64_t id,
                         void *buf,
                         size_t buf_len);

/**
 * Queues one message for delivery in the background and returns at once. The flat form, easy from every language.
 *
 * Ownership: topic, key and value are copied before the call returns; the caller keeps its buffers. After AP_OK the
 *            library owns the message until exactly one DELIVERED, FAILED or DROPPED event settles it.
 * NULL:      producer or topic -> AP_ERR_INVALID_ARGUMENT. key and value: NULL with length 0 is Kafka's null (a value
 *            of null is a tombstone), non-NULL with length 0 is empty, NULL with a length is AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread, concurrently, also in the callback. Never blocks on the network; where the property
 *            overflow_wait is set it may wait that long for room (not in the callback, where it never waits).
 * Units:     lengths in bytes.
 * Order:     messages of one thread to one partition are written in the order of the calls.
 * Returns:   AP_OK                     accepted; tag comes back in the message's events
 *            AP_ERR_INVALID_ARGUMENT   not a producer, an illegal topic, NULL with a length, a length over 2 GiB - 1
 *            AP_ERR_BUFFER_OVERFLOW    max_queue_size messages wait, or max_pending_bytes is reached; nothing was queued
 *            AP_ERR_MESSAGE_TOO_LARGE  over message.max.bytes or max_pending_bytes; nothing was queued
 *            AP_ERR_SHUT_DOWN          ap_shutdown() has begun; nothing was queued
 *            AP_ERR_CLIENT             the worker thread could not be started; nothing was queued
 *            AP_ERR_NO_MEMORY          no memory for the copy; nothing was queued
 *            AP_ERR_INTERNAL           a defect was contained; the producer refuses further work
 * Since:     0.1.0
 */
AP_API
ap_status_t ap_produce(struct ap_producer_t *producer,
                       const char *topic,
                       const void *key,
                       size_t key_len,
                       const void *value,
                       size_t value_len,
                       uint64_t tag);

/**
 * Queues one message with everything Kafka knows: headers, partition, partition key, timestamp.
 *
 * Ownership: message and all it points to is copied before the call returns. As ap_produce() otherwise.
 * NULL:      producer, message or message->topic -> AP_ERR_INVALID_ARGUMENT; the rest as said beside each field.
 * Threads:   as ap_produce().
 * Returns:   as ap_produce(), and
 *            AP_ERR_INVALID_ARGUMENT   also: struct_size is not of a version this library knows, a partition below
 *                                      AP_PARTITION_ANY, a negative timestamp, a header without a name
 * Since:     0.1.0
 */
AP_API ap_status_t ap_produce_message(struct ap_producer_t *producer, const struct ap_message_t *message);

/**
 * Makes a producer. Everything in the configuration is checked; no connection is made and no thread stays behind until
 * the first message.
 *
 * After a fork the child may go on using the producer: its queue starts empty there, the parent keeps its own messages,
 * and threads and connections of its own start at the child's next call.
 *
 * Ownership: config is copied; the caller still frees it. *producer is the caller's to free with ap_free(). errbuf as
 *            in ap_config_set().
 * NULL:      config or producer -> AP_ERR_INVALID_ARGUMENT. errbuf may be NULL where errbuf_len is 0.
 * Threads:   any thread. Reads the files the TLS properties name; does not wait for the network.
 * Returns:   AP_OK                    *producer is set
 *            AP_ERR_INVALID_ARGUMENT  not a configuration, or a NULL as above; *producer is NULL where it can be
 *            AP_ERR_CONFIG            bootstrap.servers is missing, properties contradict each other, or a TLS file
 *                                     cannot be read: errbuf names them
 *            AP_ERR_CLIENT            a Kafka client cannot be made (no threads or descriptors left): errbuf has the reason
 *            AP_ERR_NO_MEMORY, AP_ERR_INTERNAL
 * Since:     0.1.0
 */
AP_API
ap_status_t ap_new(const struct ap_config_t *config,
                   struct ap_producer_t **producer,
                   char *errbuf,
                   size_t errbuf_len);

/**
 * Starts the delivery of everything accepted before the call, and returns at once.
 *
 * It is never refused because a queue is full, and repeated calls coalesce.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread, also in the callback. Never blocks.
 * Returns:   AP_OK                    noted (also where nothing waits)
 *            AP_ERR_INVALID_ARGUMENT  not a producer
 *            AP_ERR_SHUT_DOWN         ap_shutdown() has begun, and delivers everything itself
 *            AP_ERR_CLIENT            the worker thread could not be started
 *            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
 * Since:     0.1.0
 */
AP_API ap_status_t ap_deliver(struct ap_producer_t *producer);

/**
 * Delivers, then waits until everything accepted before the call is settled.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread but the callback's. Blocks: bind it so that a language's other threads can run.
 * Units:     timeout_ms in milliseconds; -1 = no limit, 0 = answer how it stands after asking for the delivery.
 * Returns:   AP_OK                    all of it was delivered
 *            AP_ERR_UNDELIVERED       all of it is settled, and some failed or was dropped; each was reported
 *            AP_ERR_TIMED_OUT         timeout_ms passed, or ap_wake() was called; delivery goes on
 *            AP_ERR_INVALID_ARGUMENT  not a producer, freed meanwhile, or a timeout below -1
 *            AP_ERR_SHUT_DOWN         ap_shutdown() was over before the call
 *            AP_ERR_WOULD_DEADLOCK    called in the event callback
 *            AP_ERR_CLIENT            the worker thread could not be started
 *            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
 * Since:     0.1.0
 */
AP_API ap_status_t ap_flush(struct ap_producer_t *producer, int64_t timeout_ms);

/**
 * Drops every message that has not been handed to Kafka yet; each is handed back in a DROPPED event.
 *
 * Messages on their way are not touched: they settle as usual.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread, also in the callback. Waits for the worker to reach a safe point, never for the network.
 * Returns:   how many were dropped; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer
 *            AP_ERR_SHUT_DOWN         ap_shutdown() has begun
 *            AP_ERR_INTERNAL          a defect was contained; the producer refuses further work
 * Since:     0.1.0
 */
AP_API int64_t ap_clear(struct ap_producer_t *producer);

/**
 * Poll mode: runs the callback for events that wait, on the calling thread, and answers how many it ran for.
 *
 * Where none waits, it waits for the first; then it takes what is there, max_events at the most. After the event
 * descriptor became readable, call it until it answers fewer than max_events.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread; where several call it, they take turns. Blocks up to timeout_ms: bind it so that a language's
 *            other threads can run, unless the timeout is 0.
 * Units:     timeout_ms in milliseconds; -1 = no limit, 0 = do not wait.
 * Returns:   the number of events, 0 = the time passed, ap_wake() was called, or the producer is shut down and every
 *            event is read; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer, a timeout below -1, or max_events of 0
 *            AP_ERR_UNSUPPORTED       event_mode is callback
 *            AP_ERR_WOULD_DEADLOCK    called in the event callback
 *            AP_ERR_NO_MEMORY         no memory to take events into; they stay
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API int64_t ap_poll(struct ap_producer_t *producer, int64_t timeout_ms, size_t max_events);

/**
 * Poll mode: a file descriptor that is readable while events wait, for select, poll, epoll or an event loop.
 *
 * A reader may read the bytes that arrive or leave them; what they say is nothing. Each call answers a fresh
 * duplicate, non-blocking and closed on exec.
 *
 * Ownership: the caller closes the descriptor, before or after ap_free().
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread. Never blocks.
 * Returns:   the descriptor, 0 or more; or
 *            AP_ERR_INVALID_ARGUMENT  not a producer
 *            AP_ERR_UNSUPPORTED       event_mode is callback
 *            AP_ERR_CLIENT            no descriptors left
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API int32_t ap_event_fd(struct ap_producer_t *producer);

/**
 * Makes every call of ap_poll() and ap_flush() that waits now return early: ap_poll() with what it has, ap_flush() with
 * AP_ERR_TIMED_OUT. Calls that begin later are not affected.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread, also in the callback. Never blocks. Not for signal handlers.
 * Returns:   AP_OK, AP_ERR_INVALID_ARGUMENT, AP_ERR_INTERNAL
 * Since:     0.1.0
 */
AP_API ap_status_t ap_wake(struct ap_producer_t *producer);

/**
 * Ends the producer: takes no more messages, delivers what it has, and waits until everything is settled.
 *
 * At the deadline what is left is dropped, each message in a DROPPED event with its whole content (one that was on its
 * way and of unknown fate in a FAILED event). A second call waits for the first and answers the same; one with an
 * earlier deadline shortens it, so ap_shutdown(producer, 0) from another thread ends a wait without limit.
 * In poll mode events can still be read with ap_poll() afterwards.
 *
 * NULL:      producer -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread but the callback's. Blocks until the deadline, one second longer at most: bind it so that a
 *            language's other threads can run.
 * Units:     timeout_ms in milliseconds; -1 = until everything is settled, 0 = drop now.
 * Returns:   AP_OK                    everything that was ever accepted was delivered or reported before the call
 *            AP_ERR_UNDELIVERED       some messages were not delivered; each was handed back
 *            AP_ERR_INVALID_ARGUMENT  not a producer, freed meanwhile, or a timeout below -1
 *            AP_ERR_WOULD_DEADLOCK    called in the event callback
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API ap_status_t ap_shutdown(struct ap_producer_t *producer, int64_t timeout_ms);

/**
 * Frees a producer. Where ap_shutdown() was not called, it shuts down with a timeout of 0 first.
 *
 * Calls of other threads that wait in this producer return. The events that are left are reported for one second at the
 * most; a callback that is running is waited for. Afterwards it never runs again.
 *
 * NULL:      fine, as is a producer that is freed already: nothing happens.
 * Threads:   any thread. In the callback it takes effect when the callback has returned.
 * Since:     0.1.0
 */
AP_API void ap_free(struct ap_producer_t *producer);

/**
 * Reads the counters.
 *
 * Ownership: stats stays the caller's; as many bytes as its struct_size says are written, at most those this version
 *            knows, and struct_size becomes the number written.
 * NULL:      producer or stats -> AP_ERR_INVALID_ARGUMENT.
 * Threads:   any thread, also in the callback. Never blocks and takes no lock. Each counter is exact; the set is not a
 *            single instant while other threads produce.
 * Returns:   AP_OK                    written
 *            AP_ERR_INVALID_ARGUMENT  not a producer, stats is NULL, or struct_size is smaller than version 0.1.0's
 *            AP_ERR_INTERNAL          a defect was contained
 * Since:     0.1.0
 */
AP_API ap_status_t ap_stats(const struct ap_producer_t *producer, struct ap_stats_t *stats);

/**
 * The name of a status, such as "AP_ERR_BUFFER_OVERFLOW".
 *
 * Ownership: the string is static; do not free it.
 * NULL:      never returned. A number that is no status gives "AP_ERR_UNKNOWN".
 * Threads:   any thread, also before anything else is called. Never blocks.
 * Since:     0.1.0
 */
AP_API const char *ap_status_name(ap_status_t status);

/**
 * What a status means, in one English sentence.
 *
 * Ownership: the string is static; do not free it.
 * NULL:      never returned. A number that is no status gives "Unknown status.".
 * Threads:   any thread, also before anything else is called. Never blocks.
 * Since:     0.1.0
 */
AP_API const char *ap_status_message(ap_status_t status);

/**
 * The version of the running library: (major << 16) | (minor << 8) | patch.
 *
 * Compare it with AP_VERSION_NUMBER, the version of the header the program was built with.
 *
 * Threads:   any thread, also before anything else is called. Never blocks.
 * Since:     0.1.0
 */
AP_API uint32_t ap_version(void);

/**
 * The version of the running library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)".
 *
 * Ownership: the string is static; do not free it.
 * NULL:      never returned.
 * Threads:   any thread, also before anything else is called. Never blocks.
 * Since:     0.1.0
 */
AP_API const char *ap_version_string(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ASYNC_PRODUCER_H */
