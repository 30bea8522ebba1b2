// async_producer for C++17 and later: hands messages to Kafka in the background. Header-only, over async_producer.h.
//
//     async_producer::Config config{{"bootstrap.servers", "localhost:9092"}, {"delivery_threshold", "100"}};
//     async_producer::Producer producer(config);
//     producer.produce("greetings", nullptr, "hello");
//     producer.shutdown(std::chrono::seconds(10));
//
// Conventions, for everything below where nothing else is said:
//
// Errors.    What can fail has two forms, as in std::filesystem: one throws Error, the other takes a std::error_code&,
//            sets it (also to "no error") and is noexcept. Without exceptions (-fno-exceptions) use the second form:
//            the first one then calls std::abort() where it would throw.
// Ownership. What is passed in is copied before the call returns. Handles are move-only; a moved-from one answers
//            Status::invalid_argument to everything, and can be assigned to, moved and destroyed.
// Threads.   Config, Message: one thread at a time. Producer, TrackedProducer: every function on any thread at the same
//            time, but for moves, assignment and destruction. Nothing here may be called in a signal handler.
// Blocking.  Only where there is a timeout; negative ones are 0, `forever` has no end.
//
// The C header says more about each call: `produce` here is `ap_produce` there.

#ifndef ASYNC_PRODUCER_HPP
#define ASYNC_PRODUCER_HPP

#include "async_producer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#ifdef __cpp_impl_coroutine
#include <coroutine>
#endif

#include <unistd.h>

namespace async_producer {

// ---- Status and errors ---------------------------------------------------------------------------------------------

/// What a call answers: the AP_ERR_ values of the C header, where their causes are written. A std::error_code compares
/// with them: `error == Status::buffer_overflow`. Some compare with std::errc too (timed_out, invalid_argument, ...).
enum class Status : ap_status_t {
    ok = AP_OK,
    invalid_argument = AP_ERR_INVALID_ARGUMENT,
    buffer_overflow = AP_ERR_BUFFER_OVERFLOW,
    message_too_large = AP_ERR_MESSAGE_TOO_LARGE,
    shut_down = AP_ERR_SHUT_DOWN,
    timed_out = AP_ERR_TIMED_OUT,
    config = AP_ERR_CONFIG,
    client = AP_ERR_CLIENT,
    undelivered = AP_ERR_UNDELIVERED,
    would_deadlock = AP_ERR_WOULD_DEADLOCK,
    no_memory = AP_ERR_NO_MEMORY,
    internal = AP_ERR_INTERNAL,
    unsupported = AP_ERR_UNSUPPORTED,
};

} // namespace async_producer

template <>
struct std::is_error_code_enum<async_producer::Status> : std::true_type {};

namespace async_producer {

namespace detail {

class Category final : public std::error_category {
public:
    const char *name() const noexcept override { return "async_producer"; }
    std::string message(int status) const override { return ap_status_message(status); }
    std::error_condition default_error_condition(int status) const noexcept override {
        switch (static_cast<Status>(status)) {
        case Status::invalid_argument: return std::errc::invalid_argument;
        case Status::buffer_overflow: return std::errc::no_buffer_space;
        case Status::message_too_large: return std::errc::message_size;
        case Status::timed_out: return std::errc::timed_out;
        case Status::would_deadlock: return std::errc::resource_deadlock_would_occur;
        case Status::no_memory: return std::errc::not_enough_memory;
        case Status::unsupported: return std::errc::not_supported;
        default: return {status, *this};
        }
    }
};

} // namespace detail

/// The category of the library's error codes; it lives as long as the process.
inline const std::error_category &category() noexcept {
    // Never destroyed: a handler may still run while the program exits.
    alignas(detail::Category) static unsigned char place[sizeof(detail::Category)];
    static const auto *const category = ::new (static_cast<void *>(place)) detail::Category;
    return *category;
}

/// Found by std::error_code's constructor.
inline std::error_code make_error_code(Status status) noexcept { return {static_cast<int>(status), category()}; }

/// The name of a status, such as "AP_ERR_BUFFER_OVERFLOW"; static.
inline std::string_view name(Status status) noexcept { return ap_status_name(static_cast<ap_status_t>(status)); }

/// What the throwing forms throw. what() has the call or, for a configuration, the library's text that names the key,
/// the value and what is allowed.
class Error : public std::system_error {
public:
    /// An error with the text that what() starts with.
    Error(std::error_code error, const std::string &what) : std::system_error(error, what) {}

    Status status() const noexcept { return static_cast<Status>(code().value()); } ///< What the C function answered.
};

namespace detail {

template <class Exception>
[[noreturn]] void raise(const Exception &exception) {
#ifdef __cpp_exceptions
    throw exception;
#else
    static_cast<void>(exception);
    std::abort();
#endif
}

/// Runs `body`; what it throws goes to `caught`, which must not throw.
template <class Body, class Caught>
void guarded(Body &&body, Caught &&caught) noexcept {
#ifdef __cpp_exceptions
    try {
        body();
    } catch (...) {
        caught(std::current_exception());
    }
#else
    body();
    static_cast<void>(caught);
#endif
}

/// For guarded(), where there is nothing else to do.
inline constexpr auto ignored = [](const std::exception_ptr &) noexcept {};

/// What `call` answers, a status or a count; where there is no memory for its arguments, AP_ERR_NO_MEMORY.
template <class Call>
std::int64_t attempt(Call &&call) noexcept {
    std::int64_t answer = AP_ERR_NO_MEMORY;
    guarded([&] { answer = call(); }, ignored);
    return answer;
}

/// What a C function answers, a status or a count, for the forms that set an error. The count, 0 with an error.
inline std::size_t tell(std::int64_t answer, std::error_code &error) noexcept {
    error = make_error_code(answer < 0 ? static_cast<Status>(answer) : Status::ok);
    return answer < 0 ? 0 : static_cast<std::size_t>(answer);
}

/// The same for the forms that throw.
template <class Text>
std::size_t must(std::int64_t answer, const Text &what) {
    if (answer < 0) raise(Error(static_cast<Status>(answer), what));
    return static_cast<std::size_t>(answer);
}

/// The text for C. With a NUL inside C would read half of it, so that is NULL, which C refuses.
inline const char *c_string(const std::string &text) noexcept {
    return text.find('\0') == std::string::npos ? text.c_str() : nullptr;
}

} // namespace detail

// ---- Time ----------------------------------------------------------------------------------------------------------

/// A timeout without end.
inline constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

namespace detail {

inline std::int64_t timeout_ms(std::chrono::milliseconds timeout) noexcept {
    return timeout == forever ? -1 : std::max<std::int64_t>(timeout.count(), 0);
}

inline std::chrono::system_clock::time_point time_point(std::int64_t ms) noexcept {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

} // namespace detail

// ---- Bytes and messages --------------------------------------------------------------------------------------------

namespace detail {

template <class T>
using Element = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(std::declval<const T &>()))>>;

template <class T, class = void>
struct IsBytes : std::false_type {};

/// A contiguous container of char, unsigned char, signed char or std::byte. No array: a literal is one, with its NUL.
template <class T>
struct IsBytes<T, std::void_t<Element<T>, decltype(std::size(std::declval<const T &>()))>>
    : std::bool_constant<std::is_class_v<T> &&
                         (std::is_same_v<Element<T>, std::byte> || std::is_same_v<Element<T>, char> ||
                          std::is_same_v<Element<T>, unsigned char> || std::is_same_v<Element<T>, signed char>)> {};

class Tracker;

} // namespace detail

/// Bytes of the caller's, borrowed for the time of a call; or null, which Kafka tells apart from empty. A null value is
/// a tombstone, a null key is no key.
///
/// Null are: nullptr, std::nullopt, an empty std::optional, a null const char *, and a std::string_view without data,
/// such as a default-constructed one. Empty are: "", and every container or span of size 0.
class bytes_view {
public:
    constexpr bytes_view() noexcept = default;
    /// Null.
    constexpr bytes_view(std::nullptr_t) noexcept {}
    /// Null.
    constexpr bytes_view(std::nullopt_t) noexcept {}
    /// The bytes of a text; null where it has no data.
    constexpr bytes_view(std::string_view text) noexcept : data_(text.data()), size_(text.size()) {}
    /// The bytes of a text of C, without its NUL; null where it is a null pointer.
    constexpr bytes_view(const char *text) noexcept
        : bytes_view(text == nullptr ? std::string_view() : std::string_view(text)) {}
    /// As many bytes from there.
    constexpr bytes_view(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    /// std::string, std::vector, std::array, std::span ... of bytes.
    template <class Bytes, std::enable_if_t<detail::IsBytes<Bytes>::value, int> = 0>
    constexpr bytes_view(const Bytes &bytes) noexcept
        : data_(std::size(bytes) == 0 ? "" : static_cast<const void *>(std::data(bytes))),
          size_(std::size(bytes)) {}

    /// What is in it; null where it is empty.
    template <class T, std::enable_if_t<std::is_constructible_v<bytes_view, const T &>, int> = 0>
    constexpr bytes_view(const std::optional<T> &bytes) noexcept
        : bytes_view(bytes ? bytes_view(*bytes) : bytes_view()) {}

    /// The first byte; a null pointer where it is null.
    constexpr const void *data() const noexcept { return data_; }
    /// How many bytes.
    constexpr std::size_t size() const noexcept { return size_; }
    /// Whether it is null, which is not the same as empty.
    constexpr bool is_null() const noexcept { return data_ == nullptr; }

    /// A copy; nothing where it is null.
    std::optional<std::string> copy() const {
        if (is_null()) return std::nullopt;
        return std::string(static_cast<const char *>(data_), size_);
    }

private:
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/// A message with everything Kafka knows, built up call by call. It owns copies of all it is given, so that messages
/// can be kept; where a copy less counts, Producer::produce takes views, or an ap_message_t.
///
///     producer.produce(Message("orders").key("42").value(json).header("trace", id).tag(7));
class Message {
public:
    /// For this topic, with no key and a null value.
    explicit Message(std::string_view topic) : topic_(topic) {}

    /// Null, as at the start, is no key.
    Message &key(bytes_view key) {
        key_ = key.copy();
        return *this;
    }

    /// Null, as at the start, is a tombstone.
    Message &value(bytes_view value) {
        value_ = value.copy();
        return *this;
    }

    /// Adds a header; names may come more than once.
    Message &header(std::string_view name, bytes_view value) {
        headers_.push_back({std::string(name), value.copy()});
        return *this;
    }

    /// Chooses the partition; without it the partitioner does.
    Message &partition(std::int32_t partition) noexcept {
        partition_ = partition;
        return *this;
    }

    /// Chooses the partition instead of the key; not sent.
    Message &partition_key(bytes_view key) {
        partition_key_ = key.copy();
        return *this;
    }

    /// In whole milliseconds since 1970; 0, as at the start, is the time of the call to produce.
    Message &timestamp(std::chrono::system_clock::time_point time) noexcept {
        timestamp_ms_ = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
        return *this;
    }

    /// Any number; it comes back in this message's events.
    Message &tag(std::uint64_t tag) noexcept {
        tag_ = tag;
        return *this;
    }

private:
    friend class Producer;
    friend class detail::Tracker;
    using Bytes = std::optional<std::string>;

    /// The message as C reads it. It borrows from this one, and its headers are added to `headers`, which must not grow
    /// beyond its capacity afterwards.
    ap_message_t borrow(std::vector<ap_header_t> &headers) const {
        ap_message_t message = AP_MESSAGE_INIT;
        message.topic = detail::c_string(topic_);
        set(key_, message.key, message.key_len);
        set(value_, message.value, message.value_len);
        set(partition_key_, message.partition_key, message.partition_key_len);
        headers.reserve(headers.size() + headers_.size());
        message.headers = headers_.empty() ? nullptr : headers.data() + headers.size();
        message.header_count = headers_.size();
        for (const auto &[name, value] : headers_) {
            ap_header_t &header = headers.emplace_back(ap_header_t{detail::c_string(name), nullptr, 0});
            set(value, header.value, header.value_len);
        }
        message.timestamp_ms = timestamp_ms_;
        message.tag = tag_;
        message.partition = partition_;
        return message;
    }

    static void set(const Bytes &bytes, const void *&data, std::size_t &size) noexcept {
        if (!bytes) return;
        data = bytes->data();
        size = bytes->size();
    }

    std::string topic_;
    Bytes key_;
    Bytes value_;
    Bytes partition_key_;
    std::vector<std::pair<std::string, Bytes>> headers_;
    std::int64_t timestamp_ms_ = 0;
    std::uint64_t tag_ = 0;
    std::int32_t partition_ = AP_PARTITION_ANY;
};

// ---- Events --------------------------------------------------------------------------------------------------------

/// The types of events, which are bits: `EventType::failed | EventType::dropped` is a mask.
enum class EventType : std::uint32_t {
    none = 0,
    enqueued = AP_EVENT_ENQUEUED,
    buffer_overflow = AP_EVENT_BUFFER_OVERFLOW,
    delivery_started = AP_EVENT_DELIVERY_STARTED,
    delivery_finished = AP_EVENT_DELIVERY_FINISHED,
    delivered = AP_EVENT_DELIVERED,
    failed = AP_EVENT_FAILED,
    retry = AP_EVENT_RETRY,
    dropped = AP_EVENT_DROPPED,
    stalled = AP_EVENT_STALLED,
    error = AP_EVENT_ERROR,
    log = AP_EVENT_LOG,
    stats = AP_EVENT_STATS,
    settled = delivered | failed | dropped, ///< One of these ends each accepted message.
    all = AP_EVENT_ALL,
};

/// The types of both masks.
constexpr EventType operator|(EventType a, EventType b) noexcept {
    return static_cast<EventType>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

/// The types that are in both masks.
constexpr EventType operator&(EventType a, EventType b) noexcept {
    return static_cast<EventType>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

/// Every type but these.
constexpr EventType operator~(EventType a) noexcept {
    return static_cast<EventType>(~static_cast<std::uint32_t>(a)) & EventType::all;
}

/// Adds the types of another mask.
constexpr EventType &operator|=(EventType &a, EventType b) noexcept { return a = a | b; }

/// Keeps only the types of another mask.
constexpr EventType &operator&=(EventType &a, EventType b) noexcept { return a = a & b; }

/// Whether two masks have a type in common.
constexpr bool any(EventType a, EventType b) noexcept { return (a & b) != EventType::none; }

/// What is known of a message in the broker's log.
enum class Persistence : std::int32_t {
    no = AP_PERSISTENCE_NO,             ///< It is not there: sending it again makes no duplicate.
    possibly = AP_PERSISTENCE_POSSIBLY, ///< It may be there: it was sent and no answer came.
    yes = AP_PERSISTENCE_YES,           ///< It is there.
};

/// A header of an event's message.
struct HeaderView {
    std::string_view name;                 ///< May come more than once in a message.
    std::optional<std::string_view> value; ///< Nothing where it is null.
};

namespace detail {

inline std::optional<std::string_view> view(const void *data, std::size_t size) noexcept {
    if (data == nullptr) return std::nullopt;
    return std::string_view(static_cast<const char *>(data), size);
}

} // namespace detail

/// Something that happened. A view: it, and all it answers, is valid until the handler returns. Which fields a type
/// speaks of is said in the C header, at enum ap_event_type.
class Event {
public:
    /// A view of an event of C.
    explicit Event(const ap_event_t &event) noexcept : event_(&event) {}

    /// Its type: one bit.
    EventType type() const noexcept { return static_cast<EventType>(event_->type); }

    /// Whether it is of one of these types.
    bool is(EventType types) const noexcept { return any(type(), types); }

    /// Why it happened; none for events of the type log.
    std::error_code error() const noexcept {
        return make_error_code(event_->status < 0 ? static_cast<Status>(event_->status) : Status::ok);
    }

    /// The syslog level (0 to 7) of a log line.
    int log_level() const noexcept { return event_->status; }

    /// librdkafka's error code (negative: its own, positive: the broker's), 0 = none.
    int kafka_error() const noexcept { return event_->kafka_error; }

    /// The partition, where it is known.
    std::optional<std::int32_t> partition() const noexcept {
        return event_->partition < 0 ? std::nullopt : std::optional(event_->partition);
    }
    /// The offset in the partition, where it is known.
    std::optional<std::int64_t> offset() const noexcept {
        return event_->offset < 0 ? std::nullopt : std::optional(event_->offset);
    }

    /// The message's timestamp; else the time of the event.
    std::chrono::system_clock::time_point timestamp() const noexcept {
        return detail::time_point(event_->timestamp_ms);
    }

    /// The tag given with the message.
    std::uint64_t tag() const noexcept { return event_->tag; }

    /// Empty where it is about no topic.
    std::string_view topic() const noexcept { return event_->topic == nullptr ? "" : event_->topic; }

    /// One line for a person.
    std::string_view text() const noexcept { return event_->text; }

    /// The key of its message; nothing where there is none.
    std::optional<std::string_view> key() const noexcept { return detail::view(event_->key, event_->key_len); }
    /// The value of its message, or the JSON of `stats`; nothing where it is Kafka's null.
    std::optional<std::string_view> value() const noexcept { return detail::view(event_->value, event_->value_len); }

    /// How many headers its message has.
    std::size_t header_count() const noexcept { return event_->header_count; }

    /// The header at an index below header_count().
    HeaderView header(std::size_t index) const noexcept {
        const ap_header_t &header = event_->headers[index];
        return {header.name, detail::view(header.value, header.value_len)};
    }

    /// Messages in the queue when it happened.
    std::uint64_t queue_size() const noexcept { return event_->queue_size; }
    /// The limit of queue_size().
    std::uint64_t max_queue_size() const noexcept { return event_->max_queue_size; }
    /// Messages in the buffer when it happened, those on their way included.
    std::uint64_t buffer_size() const noexcept { return event_->buffer_size; }

    /// How many messages, or how many coalesced occurrences, it speaks of.
    std::uint64_t message_count() const noexcept { return event_->message_count; }

    /// A time whose meaning depends on the type.
    std::chrono::microseconds duration() const noexcept {
        return std::chrono::microseconds(static_cast<std::int64_t>(event_->duration_us));
    }

    /// How many attempts were made.
    std::uint32_t attempt() const noexcept { return event_->attempt; }
    /// What is known of its message in the broker's log.
    Persistence persistence() const noexcept { return static_cast<Persistence>(event_->persistence); }

    /// The event as C has it.
    const ap_event_t &native() const noexcept { return *event_; }

private:
    const ap_event_t *event_;
};

/// Takes an event. The producers of one configuration share it: each calls it once at a time, but two may at once.
using EventHandler = std::function<void(const Event &)>;

/// Takes an exception that left a handler on a thread of the library; one that leaves this is counted and dropped.
using ExceptionHandler = std::function<void(std::exception_ptr)>;

namespace detail {

/// Where exceptions go that have no caller.
class ExceptionSink {
public:
    explicit ExceptionSink(ExceptionHandler handler) noexcept : handler_(std::move(handler)) {}

    void take(const std::exception_ptr &exception) noexcept {
        count_.fetch_add(1, std::memory_order_relaxed);
        if (handler_) guarded([&] { handler_(exception); }, ignored);
    }

    std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

private:
    ExceptionHandler handler_;
    std::atomic<std::uint64_t> count_{0};
};

struct Hook;

/// A call of Producer::poll on this thread: its handler goes before the configuration's, its exception is kept for it.
struct PollCall {
    const Hook *hook;
    const EventHandler *handler;
    std::exception_ptr exception;
    PollCall *outer;
};

inline thread_local PollCall *poll_call = nullptr;

/// What the library's callback calls. C holds one reference to it, the configuration and its producers hold others.
struct Hook {
    Hook(EventHandler on_event, ExceptionHandler on_exception)
        : handler(std::move(on_event)),
          sink(std::move(on_exception)) {}

    const EventHandler handler;
    ExceptionSink sink;

    /// The callback itself; user_data is a std::shared_ptr<Hook>. No exception gets from here into C.
    static void call(const ap_event_t *event, void *user_data) noexcept {
        Hook &hook = **static_cast<std::shared_ptr<Hook> *>(user_data);
        PollCall *poll = poll_call != nullptr && poll_call->hook == &hook ? poll_call : nullptr;
        const EventHandler &handler = poll != nullptr && *poll->handler ? *poll->handler : hook.handler;
        const auto keep = [&](const std::exception_ptr &exception) {
            if (poll != nullptr)
                poll->exception = exception;
            else
                hook.sink.take(exception);
        };
        if (handler) guarded([&] { handler(Event(*event)); }, keep);
    }

    static void release(void *user_data) noexcept { delete static_cast<std::shared_ptr<Hook> *>(user_data); }
};

} // namespace detail

// ---- Config --------------------------------------------------------------------------------------------------------

/// The settings of producers. Keys and values are those of the README and of librdkafka.
class Config {
public:
    /// Every property at its default.
    Config() : handle_(ap_config_new()) {
        if (!handle_) detail::raise(Error(Status::no_memory, "Config"));
    }

    /// With these properties set.
    Config(std::initializer_list<std::pair<std::string_view, std::string_view>> properties) : Config() {
        for (const auto &[key, value] : properties) set(key, value);
    }

    /// Sets one property. Status::config for an unknown key or a value that is not allowed; the old value stays.
    Config &set(std::string_view key, std::string_view value) {
        std::string text;
        detail::must(call_set(key, value, &text), text);
        return *this;
    }
    /// The same; `text`, where given, becomes what the library says of the error.
    void set(std::string_view key, std::string_view value, std::error_code &error,
             std::string *text = nullptr) noexcept {
        detail::tell(call_set(key, value, text), error);
    }

    /// Sets the properties of a file, a key=value on each line: all, or none where one is wrong. Reads the file.
    Config &load(const std::string &path) {
        std::string text;
        detail::must(call_load(path, &text), text);
        return *this;
    }
    /// The same; `text`, where given, becomes what the library says of the error.
    void load(const std::string &path, std::error_code &error, std::string *text = nullptr) noexcept {
        detail::tell(call_load(path, text), error);
    }

    /// The value a property has now; secrets are masked. Status::config: there is no such property.
    std::string get(std::string_view key) const {
        std::string value;
        detail::must(call_get(key, value), std::string(key));
        return value;
    }
    std::string get(std::string_view key, std::error_code &error) const noexcept {
        std::string value;
        detail::tell(call_get(key, value), error);
        return value;
    }

    /// Callback mode: events of these types go to the handler, on a thread of the library. It replaces an earlier one.
    ///
    /// The handler may call produce, deliver, stats and the like; what blocks answers Status::would_deadlock in it.
    /// An exception of the handler goes to `on_exception`, on the same thread; without that it is counted
    /// (Producer::exceptions) and dropped. In both cases the event is done with and the next one comes.
    Config &on_event(EventType types, EventHandler handler, ExceptionHandler on_exception = nullptr) {
        detail::must(call_on_event(types, std::move(handler), std::move(on_exception)), "on_event");
        return *this;
    }
    void on_event(EventType types, EventHandler handler, ExceptionHandler on_exception,
                  std::error_code &error) noexcept {
        detail::tell(call_on_event(types, std::move(handler), std::move(on_exception)), error);
    }

    /// Poll mode: events of these types wait for Producer::poll, and go to its handler. Sets event_mode.
    Config &poll_events(EventType types) {
        set("event_mode", "poll");
        return on_event(types, nullptr);
    }
    void poll_events(EventType types, std::error_code &error) noexcept {
        set("event_mode", "poll", error);
        if (!error) on_event(types, nullptr, nullptr, error);
    }

    /// For calls of C; still owned by this.
    ap_config_t *native_handle() const noexcept { return handle_.get(); }

private:
    friend class Producer;

    struct Free {
        void operator()(ap_config_t *config) const noexcept { ap_config_free(config); }
    };

    /// What `call` answers, which writes a text of errors to a buffer.
    template <class Call>
    static std::int64_t explained(std::string *text, Call &&call) noexcept {
        char buffer[1024] = "";
        const std::int64_t answer = detail::attempt([&] { return call(buffer, sizeof buffer); });
        if (text != nullptr) detail::guarded([&] { *text = buffer; }, detail::ignored);
        return answer;
    }

    std::int64_t call_set(std::string_view key, std::string_view value, std::string *text) noexcept {
        return explained(text, [&](char *buffer, std::size_t size) {
            const std::string name(key), setting(value);
            return ap_config_set(native_handle(), detail::c_string(name), detail::c_string(setting), buffer, size);
        });
    }

    std::int64_t call_load(const std::string &path, std::string *text) noexcept {
        return explained(text, [&](char *buffer, std::size_t size) {
            return ap_config_load(native_handle(), detail::c_string(path), buffer, size);
        });
    }

    std::int64_t call_get(std::string_view key, std::string &value) const noexcept {
        return detail::attempt([&] {
            const std::string name(key);
            std::size_t size = 0;
            ap_status_t status = ap_config_get(native_handle(), detail::c_string(name), nullptr, &size);
            if (status != AP_OK) return status;
            value.resize(size);
            status = ap_config_get(native_handle(), detail::c_string(name), value.data(), &size);
            value.pop_back(); // the NUL
            return status;
        });
    }

    std::int64_t call_on_event(EventType types, EventHandler handler, ExceptionHandler on_exception) noexcept {
        return detail::attempt([&] {
            auto hook = std::make_shared<detail::Hook>(std::move(handler), std::move(on_exception));
            auto user_data = std::make_unique<std::shared_ptr<detail::Hook>>(hook);
            // C releases user_data also where it answers an error.
            const ap_status_t status =
                ap_config_set_event_callback(native_handle(), static_cast<std::uint32_t>(types), detail::Hook::call,
                                             user_data.release(), detail::Hook::release);
            if (status == AP_OK) hook_ = std::move(hook);
            return status;
        });
    }

    std::shared_ptr<detail::Hook> hook_;
    std::unique_ptr<ap_config_t, Free> handle_;
};

// ---- Producer ------------------------------------------------------------------------------------------------------

/// A file descriptor that is readable while events wait; closes it at its end. Any thread may poll it.
class EventFd {
public:
    EventFd() noexcept = default;
    /// Owns this descriptor, -1 = none.
    explicit EventFd(int fd) noexcept : fd_(fd) {}
    /// Takes the descriptor of another one.
    EventFd(EventFd &&other) noexcept : fd_(other.release()) {}
    /// Closes its own and takes that of another one.
    EventFd &operator=(EventFd &&other) noexcept {
        EventFd(std::move(other)).swap(*this);
        return *this;
    }
    ~EventFd() {
        if (fd_ >= 0) ::close(fd_);
    }

    /// The descriptor, still owned by this; -1 where there is none.
    int get() const noexcept { return fd_; }

    /// The descriptor, which is the caller's to close now.
    int release() noexcept { return std::exchange(fd_, -1); }

    /// Exchanges two descriptors.
    void swap(EventFd &other) noexcept { std::swap(fd_, other.fd_); }
    /// Whether there is a descriptor.
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// The counters of a producer; the fields are explained in the C header, at struct ap_stats_t.
using Stats = ap_stats_t;

/// A producer.
///
/// The destructor is ap_free: it does not deliver. What was not delivered by shutdown() is dropped, each message in an
/// event of its own; the events that are left are reported for one second at the most. It never throws. In a handler,
/// destruction takes effect when the handler has returned.
class Producer {
public:
    /// None, as where it was moved from.
    Producer() noexcept = default;

    /// Checks everything in the configuration, which may go afterwards; connects to nothing yet.
    explicit Producer(const Config &config) : hook_(config.hook_) {
        std::string text;
        detail::must(call_new(config, &text), text);
    }
    /// The same. On an error it is none; `text`, where given, becomes what the library says of the error.
    Producer(const Config &config, std::error_code &error, std::string *text = nullptr) noexcept : hook_(config.hook_) {
        detail::tell(call_new(config, text), error);
    }

    Producer(Producer &&) noexcept = default;
    Producer &operator=(Producer &&) noexcept = default;

    /// Queues one message for delivery in the background. Never waits for the network; waits for room only where
    /// overflow_wait is set. Status::buffer_overflow: there is no room, nothing was queued.
    void produce(std::string_view topic, bytes_view key, bytes_view value, std::uint64_t tag = 0) {
        detail::must(call_produce(topic, key, value, tag), "produce");
    }
    void produce(std::string_view topic, bytes_view key, bytes_view value, std::error_code &error) noexcept {
        produce(topic, key, value, 0, error);
    }
    void produce(std::string_view topic, bytes_view key, bytes_view value, std::uint64_t tag,
                 std::error_code &error) noexcept {
        detail::tell(call_produce(topic, key, value, tag), error);
    }

    /// Queues one message with everything Kafka knows.
    void produce(const Message &message) { detail::must(call_produce(message), "produce"); }
    void produce(const Message &message, std::error_code &error) noexcept {
        detail::tell(call_produce(message), error);
    }

    /// A message of C, for everything without a copy on this side. Start from AP_MESSAGE_INIT.
    void produce(const ap_message_t &message) {
        detail::must(ap_produce_message(native_handle(), &message), "produce");
    }
    void produce(const ap_message_t &message, std::error_code &error) noexcept {
        detail::tell(ap_produce_message(native_handle(), &message), error);
    }

    /// Queues a contiguous range of Message (vector, array, span), in order. All are checked first: where one is wrong,
    /// none is taken. How many were taken from the front: fewer than given means that the next one met
    /// Status::buffer_overflow, which is no error here.
    template <class Messages>
    std::size_t produce_batch(const Messages &messages) {
        return detail::must(call_produce_batch(std::data(messages), std::size(messages)), "produce_batch");
    }
    template <class Messages>
    std::size_t produce_batch(const Messages &messages, std::error_code &error) noexcept {
        return detail::tell(call_produce_batch(std::data(messages), std::size(messages)), error);
    }

    /// Starts the delivery of everything accepted before the call, and returns at once.
    void deliver() { detail::must(ap_deliver(native_handle()), "deliver"); }
    void deliver(std::error_code &error) noexcept { detail::tell(ap_deliver(native_handle()), error); }

    /// Delivers, then waits until everything accepted before the call is settled. Status::undelivered: some of it was
    /// not delivered; Status::timed_out: it goes on in the background.
    void flush(std::chrono::milliseconds timeout) {
        detail::must(ap_flush(native_handle(), detail::timeout_ms(timeout)), "flush");
    }
    void flush(std::chrono::milliseconds timeout, std::error_code &error) noexcept {
        detail::tell(ap_flush(native_handle(), detail::timeout_ms(timeout)), error);
    }

    /// Drops every message that has not been handed to Kafka yet, each with an event. How many.
    std::size_t clear() { return detail::must(ap_clear(native_handle()), "clear"); }
    std::size_t clear(std::error_code &error) noexcept { return detail::tell(ap_clear(native_handle()), error); }

    /// Takes no more messages, delivers what there is, and waits until everything is settled or the time is over; then
    /// drops what is left, and answers Status::undelivered. One with an earlier deadline shortens one that waits.
    void shutdown(std::chrono::milliseconds timeout) {
        detail::must(ap_shutdown(native_handle(), detail::timeout_ms(timeout)), "shutdown");
    }
    void shutdown(std::chrono::milliseconds timeout, std::error_code &error) noexcept {
        detail::tell(ap_shutdown(native_handle(), detail::timeout_ms(timeout)), error);
    }

    /// Poll mode: waits for an event, then runs the handler, on this thread, for those there are, `max` at the most.
    /// How many; 0 where the time was over, after wake(), and where the producer is shut down and every event is read.
    ///
    /// Without a handler the configuration's is run. What a handler throws is rethrown here, in both forms, when the
    /// library is left; that event is done with, the ones after it wait for the next call.
    std::size_t poll(std::chrono::milliseconds timeout, std::size_t max, const EventHandler &handler = nullptr) {
        return detail::must(call_poll(timeout, max, handler), "poll");
    }
    std::size_t poll(std::chrono::milliseconds timeout, std::size_t max, const EventHandler &handler,
                     std::error_code &error) {
        return detail::tell(call_poll(timeout, max, handler), error);
    }

    /// Poll mode: a descriptor for an event loop. When it is readable, poll until that answers fewer than `max`.
    EventFd event_fd() { return EventFd(static_cast<int>(detail::must(ap_event_fd(native_handle()), "event_fd"))); }
    EventFd event_fd(std::error_code &error) noexcept {
        const std::int32_t fd = ap_event_fd(native_handle());
        detail::tell(fd, error);
        return error ? EventFd() : EventFd(fd);
    }

    /// Makes every poll and flush that waits now return early: poll with what it has, flush with Status::timed_out.
    void wake() { detail::must(ap_wake(native_handle()), "wake"); }
    void wake(std::error_code &error) noexcept { detail::tell(ap_wake(native_handle()), error); }

    /// The counters. Takes no lock.
    Stats stats() const {
        Stats stats = AP_STATS_INIT;
        detail::must(ap_stats(native_handle(), &stats), "stats");
        return stats;
    }
    Stats stats(std::error_code &error) const noexcept {
        Stats stats = AP_STATS_INIT;
        detail::tell(ap_stats(native_handle(), &stats), error);
        return stats;
    }

    /// How many exceptions left the configuration's handler on a thread of the library, in all of its producers.
    std::uint64_t exceptions() const noexcept { return hook_ ? hook_->sink.count() : 0; }

    /// Whether it has a producer: not where it was moved from, or could not be made.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /// For calls of C; still owned by this.
    ap_producer_t *native_handle() const noexcept { return handle_.get(); }

private:
    struct Free {
        void operator()(ap_producer_t *producer) const noexcept { ap_free(producer); }
    };

    std::int64_t call_new(const Config &config, std::string *text) noexcept {
        return Config::explained(text, [&](char *buffer, std::size_t size) {
            ap_producer_t *producer = nullptr;
            const ap_status_t status = ap_new(config.native_handle(), &producer, buffer, size);
            handle_.reset(producer);
            return status;
        });
    }

    std::int64_t call_produce(std::string_view topic, bytes_view key, bytes_view value, std::uint64_t tag) noexcept {
        // A topic of C ends with a NUL. It has 249 bytes at the most, so no heap is needed; "" is refused.
        char name[250] = "";
        if (topic.size() < sizeof name && topic.find('\0') == std::string_view::npos) topic.copy(name, topic.size());
        return ap_produce(native_handle(), name, key.data(), key.size(), value.data(), value.size(), tag);
    }

    std::int64_t call_produce(const Message &message) noexcept {
        return detail::attempt([&] {
            std::vector<ap_header_t> headers;
            const ap_message_t borrowed = message.borrow(headers);
            return ap_produce_message(native_handle(), &borrowed);
        });
    }

    std::int64_t call_produce_batch(const Message *messages, std::size_t count) noexcept {
        return detail::attempt([&] {
            const Message *const end = messages + count;
            const auto add = [](std::size_t sum, const Message &message) { return sum + message.headers_.size(); };
            std::vector<ap_header_t> headers;
            headers.reserve(std::accumulate(messages, end, std::size_t{0}, add));
            std::vector<ap_message_t> borrowed;
            borrowed.reserve(count);
            std::transform(messages, end, std::back_inserter(borrowed),
                           [&](const Message &m) { return m.borrow(headers); });
            return ap_produce_batch(native_handle(), borrowed.data(), borrowed.size());
        });
    }

    /// One event at a time, so that an exception stops the reading where it was thrown.
    std::int64_t call_poll(std::chrono::milliseconds timeout, std::size_t max, const EventHandler &handler) {
        ap_producer_t *const producer = native_handle(); // the handler may move or destroy this object
        detail::PollCall call{hook_.get(), &handler, nullptr, detail::poll_call};
        detail::poll_call = &call;
        std::int64_t count = 0;
        std::int64_t answer = ap_poll(producer, detail::timeout_ms(timeout), std::min<std::size_t>(max, 1));
        while (answer == 1) {
            count++;
            if (static_cast<std::size_t>(count) == max || call.exception != nullptr) break;
            answer = ap_poll(producer, 0, 1);
        }
        detail::poll_call = call.outer;
        if (call.exception != nullptr) std::rethrow_exception(call.exception);
        return count > 0 ? count : answer;
    }

    std::shared_ptr<detail::Hook> hook_;
    std::unique_ptr<ap_producer_t, Free> handle_;
};

// ---- Deliveries as futures and coroutines --------------------------------------------------------------------------

/// Where a message is in Kafka.
struct Delivery {
    std::uint64_t tag = 0;                             ///< The tag given with the message.
    std::int32_t partition = -1;                       ///< -1 = unknown.
    std::int64_t offset = -1;                          ///< -1 = unknown.
    std::chrono::system_clock::time_point timestamp{}; ///< Of the message.
};

/// How an accepted message ended: delivered, or not and why.
struct Outcome {
    std::error_code error;                           ///< None where it was delivered.
    Persistence persistence = Persistence::possibly; ///< What is known of it in the broker's log.
    int kafka_error = 0;                             ///< As Event::kafka_error.
    std::string text;                                ///< One line for a person; empty where it was delivered.
    Delivery delivery; ///< Where it was not delivered only the tag and the timestamp are known.

    /// Whether it was delivered.
    explicit operator bool() const noexcept { return !error; }

    /// The delivery; throws DeliveryError where there is none.
    const Delivery &value() const;
};

/// What a future or a co_await throws for a message that was accepted and not delivered.
class DeliveryError : public Error {
public:
    /// The error of an outcome that has one.
    explicit DeliveryError(const Outcome &outcome)
        : Error(outcome.error, outcome.text),
          persistence_(outcome.persistence),
          kafka_error_(outcome.kafka_error),
          tag_(outcome.delivery.tag) {}

    /// As Outcome::persistence.
    Persistence persistence() const noexcept { return persistence_; }
    /// As Outcome::kafka_error.
    int kafka_error() const noexcept { return kafka_error_; }
    /// The tag given with the message.
    std::uint64_t tag() const noexcept { return tag_; }

private:
    Persistence persistence_;
    int kafka_error_;
    std::uint64_t tag_;
};

inline const Delivery &Outcome::value() const {
    if (error) detail::raise(DeliveryError(*this));
    return delivery;
}

/// Takes the outcome of one message.
using Completion = std::function<void(Outcome)>;

/// Runs a function on a thread of the program's choice, now or later. It must run it once, and must not throw.
using Executor = std::function<void(std::function<void()>)>;

/// What a TrackedProducer does besides.
struct TrackedOptions {
    /// Events of these types also go to `handler`, with the message's own tag; that is 0 in `enqueued` and
    /// `buffer_overflow`, which speak of many messages.
    EventType events = EventType::none;
    EventHandler handler = nullptr; ///< Takes the events above; may be empty.
    /// Takes what the handler, completions and resumed coroutines throw; else that is counted and dropped.
    ExceptionHandler on_exception = nullptr;
    /// Where coroutines resume; else on the thread that has the event. It must outlive the producer.
    Executor executor = nullptr;
};

namespace detail {

/// The messages that wait for their end. Owned by the producer and by the hook: it goes when neither needs it, and
/// settles then what has no event, which can be where an event was not read before ap_free() was over.
class Tracker {
public:
    explicit Tracker(TrackedOptions options) : options_(std::move(options)), sink_(options_.on_exception) {}

    ~Tracker() { settle_the_rest(); }
    Tracker(const Tracker &) = delete;
    Tracker &operator=(const Tracker &) = delete;

    EventType events() const noexcept { return options_.events | EventType::settled; }
    const Executor &executor() const noexcept { return options_.executor; }
    std::uint64_t exceptions() const noexcept { return sink_.count(); }

    /// Before the first message.
    void start(ap_producer_t *producer) noexcept { producer_ = producer; }

    /// Produces the message. Its completion is called once if and only if the message was accepted.
    std::int64_t produce(const Message &message, Completion completion) noexcept {
        return attempt([&] {
            std::vector<ap_header_t> headers;
            ap_message_t borrowed = message.borrow(headers);
            borrowed.tag = enter({borrowed.tag, std::move(completion)}); // now: its event may be quicker than the call
            const ap_status_t status = ap_produce_message(producer_, &borrowed);
            if (status != AP_OK) leave(borrowed.tag);
            return status;
        });
    }

    void on_event(const Event &event) noexcept {
        if (!event.is(EventType::settled)) return forward(event, 0);
        const std::optional<Entry> entry = leave(event.tag());
        if (!entry) return;
        forward(event, entry->tag);
        complete(entry->completion, outcome(event, entry->tag));
    }

    /// When there will be no events any more. Completions may produce meanwhile, which is refused.
    void settle_the_rest() noexcept {
        std::unordered_map<std::uint64_t, Entry> entries;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            entries.swap(entries_);
        }
        for (const auto &[id, entry] : entries) {
            Outcome outcome;
            outcome.error = Status::shut_down;
            outcome.delivery.tag = entry.tag;
            set_text(outcome, "the producer was destroyed before the end of this message was known");
            complete(entry.completion, std::move(outcome));
        }
    }

private:
    struct Entry {
        std::uint64_t tag; // the program's; that of the library is the key of the entry
        Completion completion;
    };

    std::uint64_t enter(Entry entry) {
        const std::lock_guard<std::mutex> lock(mutex_);
        entries_.emplace(++last_id_, std::move(entry));
        return last_id_;
    }

    std::optional<Entry> leave(std::uint64_t id) {
        const std::lock_guard<std::mutex> lock(mutex_);
        auto node = entries_.extract(id);
        if (node.empty()) return std::nullopt;
        return std::move(node.mapped());
    }

    static Outcome outcome(const Event &event, std::uint64_t tag) noexcept {
        Outcome outcome;
        outcome.persistence = event.persistence();
        outcome.delivery = {tag, -1, -1, event.timestamp()};
        if (event.is(EventType::delivered)) {
            outcome.delivery.partition = event.partition().value_or(-1);
            outcome.delivery.offset = event.offset().value_or(-1);
            return outcome;
        }
        outcome.error = event.error() ? event.error() : make_error_code(Status::undelivered);
        outcome.kafka_error = event.kafka_error();
        set_text(outcome, event.text());
        return outcome;
    }

    /// Where there is no memory for it, an outcome without a text is better than none.
    static void set_text(Outcome &outcome, std::string_view text) noexcept {
        guarded([&] { outcome.text = text; }, ignored);
    }

    void forward(const Event &event, std::uint64_t tag) noexcept {
        if (!options_.handler || !event.is(options_.events)) return;
        ap_event_t copy = event.native();
        copy.struct_size = sizeof copy;
        copy.tag = tag;
        guarded([&] { options_.handler(Event(copy)); }, [&](const std::exception_ptr &e) { sink_.take(e); });
    }

    void complete(const Completion &completion, Outcome outcome) noexcept {
        if (!completion) return;
        guarded([&] { completion(std::move(outcome)); }, [&](const std::exception_ptr &e) { sink_.take(e); });
    }

    const TrackedOptions options_;
    ExceptionSink sink_;
    ap_producer_t *producer_ = nullptr; // checked by C, so one that is freed does no harm
    std::mutex mutex_;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, Entry> entries_;
};

#ifdef __cpp_impl_coroutine

/// What a sent message and the coroutine that waits for it share.
class Rendezvous {
public:
    bool is_over() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return outcome_.has_value();
    }

    /// Whether the coroutine has to wait.
    bool wait(std::coroutine_handle<> coroutine) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!outcome_) coroutine_ = coroutine;
        return !outcome_;
    }

    /// Whether there is a coroutine to resume.
    bool settle(Outcome outcome) {
        const std::lock_guard<std::mutex> lock(mutex_);
        outcome_ = std::move(outcome);
        return coroutine_ != nullptr;
    }

    void resume() {
        if (auto coroutine = forget()) coroutine.resume();
    }

    std::coroutine_handle<> forget() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return std::exchange(coroutine_, nullptr);
    }

    /// Once it is over.
    const Outcome &outcome() const noexcept { return *outcome_; }

private:
    std::mutex mutex_;
    std::optional<Outcome> outcome_;
    std::coroutine_handle<> coroutine_;
};

/// Lives in the frame of a coroutine while that waits.
class Awaiter {
public:
    explicit Awaiter(std::shared_ptr<Rendezvous> rendezvous) noexcept : rendezvous_(std::move(rendezvous)) {}
    Awaiter(const Awaiter &) = delete;
    Awaiter &operator=(const Awaiter &) = delete;
    ~Awaiter() { rendezvous_->forget(); }

    bool await_ready() const { return rendezvous_->is_over(); }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        const auto rendezvous = rendezvous_; // the coroutine may be resumed, and this be gone, before this returns
        return rendezvous->wait(coroutine);
    }
    Delivery await_resume() const { return rendezvous_->outcome().value(); }

private:
    std::shared_ptr<Rendezvous> rendezvous_;
};

#endif

} // namespace detail

#ifdef __cpp_impl_coroutine

/// A message that was accepted: `co_await` it for its Delivery, or a DeliveryError. One coroutine may wait for it.
///
/// Where it is settled already the coroutine goes on at once; else it resumes through TrackedOptions::executor, or
/// without one on the thread that has the event: the library's, that of poll, or the one that destroys the producer.
/// A coroutine that waits may be destroyed, but not while another thread resumes it.
class [[nodiscard]] Sent {
public:
    /// Made by TrackedProducer::send.
    explicit Sent(std::shared_ptr<detail::Rendezvous> rendezvous) noexcept : rendezvous_(std::move(rendezvous)) {}

    /// Whether it is settled.
    bool is_over() const { return rendezvous_->is_over(); }

    /// For co_await.
    detail::Awaiter operator co_await() const noexcept { return detail::Awaiter(rendezvous_); }

private:
    std::shared_ptr<detail::Rendezvous> rendezvous_;
};

#endif

/// A producer that tells what became of each message where it was produced: by a completion, a future or a co_await.
///
/// It uses the events and tags of the library for that: set no handler in its configuration, it has its own. The
/// program's tags come back in Delivery and in its handler (TrackedOptions). In callback mode messages are settled on a
/// thread of the library: it must not block there, least of all for another message of this producer. In poll mode
/// (event_mode = poll) they are settled inside poll, on its thread.
///
/// Each accepted message is settled exactly once, whatever happens. What shutdown(), clear() and the destructor drop is
/// settled with an error (Status::shut_down or as the event says); what has no event by the end of the destructor is
/// settled there, with Persistence::possibly. While it is destroyed completions and coroutines may still produce and
/// send, which is refused, and call nothing else of it.
///
/// After a fork it can be used by the parent only; make another one in the child.
class TrackedProducer : private Producer {
public:
    /// None, as where it was moved from.
    TrackedProducer() noexcept = default;

    /// Checks everything in the configuration; connects to nothing yet.
    explicit TrackedProducer(Config config, TrackedOptions options = {}) {
        std::string text;
        detail::must(call_new(config, std::move(options), &text), text);
    }
    /// The same. On an error it is none; `text`, where given, becomes what the library says of the error.
    TrackedProducer(Config config, TrackedOptions options, std::error_code &error,
                    std::string *text = nullptr) noexcept {
        detail::tell(call_new(config, std::move(options), text), error);
    }

    TrackedProducer(TrackedProducer &&) noexcept = default;
    /// Ends its own producer and takes that of another one.
    TrackedProducer &operator=(TrackedProducer &&other) noexcept {
        if (this == &other) return *this;
        end();
        Producer::operator=(std::move(other));
        tracker_ = std::move(other.tracker_);
        return *this;
    }
    ~TrackedProducer() { end(); }

    using Producer::clear;
    using Producer::deliver;
    using Producer::event_fd;
    using Producer::flush;
    using Producer::shutdown;
    using Producer::stats;
    using Producer::wake;
    using Producer::operator bool;

    /// Queues a message. If it was accepted `completion` is called once, else never.
    void produce(const Message &message, Completion completion) {
        detail::must(call_produce(message, std::move(completion)), "produce");
    }
    void produce(const Message &message, Completion completion, std::error_code &error) noexcept {
        detail::tell(call_produce(message, std::move(completion)), error);
    }

#ifdef __cpp_exceptions

    /// Queues a message. The future has its Delivery, or a DeliveryError. Where the message is not accepted this throws
    /// at once, and the other form answers a future that is not valid().
    std::future<Delivery> produce_future(const Message &message) {
        std::future<Delivery> future;
        detail::must(call_produce_future(message, future), "produce_future");
        return future;
    }
    std::future<Delivery> produce_future(const Message &message, std::error_code &error) noexcept {
        std::future<Delivery> future;
        detail::tell(call_produce_future(message, future), error);
        return future;
    }

#endif

#ifdef __cpp_impl_coroutine

    /// Queues a message now; `co_await` the answer, at once or later, for its Delivery or a DeliveryError. Where the
    /// message is not accepted this throws.
    Sent send(const Message &message) {
        auto rendezvous = std::make_shared<detail::Rendezvous>();
        const Executor *executor = tracker_ ? &tracker_->executor() : nullptr; // outlives the completions
        produce(message, [rendezvous, executor](Outcome outcome) {
            if (!rendezvous->settle(std::move(outcome))) return;
            if (*executor)
                (*executor)([rendezvous] { rendezvous->resume(); });
            else
                rendezvous->resume();
        });
        return Sent(std::move(rendezvous));
    }

#endif

    /// Poll mode: as Producer::poll; what completions and handlers throw goes to TrackedOptions::on_exception here too.
    std::size_t poll(std::chrono::milliseconds timeout, std::size_t max) { return Producer::poll(timeout, max); }

    std::size_t poll(std::chrono::milliseconds timeout, std::size_t max, std::error_code &error) noexcept {
        return Producer::poll(timeout, max, nullptr, error);
    }

    /// How many exceptions left completions, handlers and resumed coroutines.
    std::uint64_t exceptions() const noexcept { return tracker_ ? tracker_->exceptions() : 0; }

private:
    std::int64_t call_new(Config &config, TrackedOptions options, std::string *text) noexcept {
        return detail::attempt([&] {
            std::error_code error;
            tracker_ = std::make_shared<detail::Tracker>(std::move(options));
            const auto on_event = [tracker = tracker_](const Event &event) { tracker->on_event(event); };
            config.on_event(tracker_->events(), on_event, nullptr, error);
            if (!error) Producer::operator=(Producer(config, error, text));
            tracker_->start(native_handle());
            return error.value();
        });
    }

    /// Frees the producer; settles what has no event then. In a handler the tracker does that itself, when it goes.
    void end() noexcept {
        Producer::operator=(Producer());
        if (tracker_.use_count() == 1) tracker_->settle_the_rest();
    }

    std::int64_t call_produce(const Message &message, Completion completion) noexcept {
        if (!tracker_) return AP_ERR_INVALID_ARGUMENT;
        return tracker_->produce(message, std::move(completion));
    }

#ifdef __cpp_exceptions
    std::int64_t call_produce_future(const Message &message, std::future<Delivery> &future) noexcept {
        return detail::attempt([&] {
            auto promise = std::make_shared<std::promise<Delivery>>();
            auto promised = promise->get_future();
            const std::int64_t answer = call_produce(message, [promise](const Outcome &outcome) {
                if (outcome)
                    promise->set_value(outcome.delivery);
                else
                    promise->set_exception(std::make_exception_ptr(DeliveryError(outcome)));
            });
            if (answer >= 0) future = std::move(promised);
            return answer;
        });
    }
#endif

    std::shared_ptr<detail::Tracker> tracker_;
};

// ---- Version -------------------------------------------------------------------------------------------------------

/// The version of the running library and of the librdkafka inside it, such as "0.1.0 (librdkafka 2.12.1)"; static.
inline std::string_view version() noexcept { return ap_version_string(); }

/// The version of the running library, to compare with AP_VERSION_NUMBER.
inline std::uint32_t version_number() noexcept { return ap_version(); }

} // namespace async_producer

#endif // ASYNC_PRODUCER_HPP
