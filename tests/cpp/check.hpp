// What the tests share: checks that say where they failed, a watchdog, configurations, and a list of events that can be
// waited for. Each test is a program: it ends with 0, or prints what is wrong and ends with 1.
#pragma once

#include <async_producer.hpp>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

namespace ap = async_producer;
using namespace std::chrono_literals;

/// How long to wait for what must happen; only a failing test ever waits so long.
constexpr std::chrono::milliseconds patience = 60s;

// ---- Checks --------------------------------------------------------------------------------------------------------

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition, "is false");                                    \
    } while (0)

#define CHECK_EQ(actual, expected) check_equal(__FILE__, __LINE__, #actual " == " #expected, (actual), (expected))

/// The expression throws an ap::Error with this status.
#define CHECK_THROWS(status, ...) check_throws(__FILE__, __LINE__, #__VA_ARGS__, (status), [&] { __VA_ARGS__; })

/// The call with `code` as a variable sets it to this status.
#define CHECK_SETS(status, ...)                                                                                        \
    check_sets(__FILE__, __LINE__, #__VA_ARGS__, (status), [&](std::error_code &code) { __VA_ARGS__; })

#define RUN(test) (std::cout << #test << std::endl, test())

/// Ends the process at once, whatever its threads are doing.
[[noreturn]] inline void check_failed(const char *file, int line, const char *expression, const std::string &why) {
    std::cerr << file << ":" << line << ": " << expression << ": " << why << std::endl;
    std::_Exit(1);
}

template <class T>
std::string shown(const T &value) {
    std::ostringstream text;
    if constexpr (std::is_enum_v<T>)
        text << static_cast<long long>(value);
    else
        text << value;
    return text.str();
}

template <class T>
std::string shown(const std::optional<T> &value) {
    return value ? "\"" + shown(*value) + "\"" : "nothing";
}

inline std::string shown(std::nullopt_t) { return "nothing"; }

template <class Actual, class Expected>
void check_equal(const char *file, int line, const char *expression, const Actual &actual, const Expected &expected) {
    if (actual == expected) return;
    check_failed(file, line, expression, "got " + shown(actual) + ", want " + shown(expected));
}

inline void check_status(const char *file, int line, const char *expression, std::error_code error, ap::Status status) {
    if (error == status && error.category() == ap::category()) return;
    check_failed(file, line, expression, "got " + error.message() + ", want " + std::string(ap::name(status)));
}

template <class Call>
void check_throws(const char *file, int line, const char *expression, ap::Status status, const Call &call) {
    try {
        call();
    } catch (const ap::Error &error) {
        check_status(file, line, expression, error.code(), status);
        if (error.status() != status) check_failed(file, line, expression, "status() and code() differ");
        return;
    }
    check_failed(file, line, expression, "it did not throw");
}

template <class Call>
void check_sets(const char *file, int line, const char *expression, ap::Status status, const Call &call) {
    std::error_code error = std::make_error_code(std::errc::address_in_use); // must not stay
    call(error);
    check_status(file, line, expression, error, status);
}

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// A test that hangs ends here.
inline void watchdog() {
    std::signal(SIGALRM, [](int) {
        constexpr char text[] = "the watchdog bites\n";
        if (::write(STDERR_FILENO, text, sizeof text - 1) < 0) std::_Exit(2);
        std::_Exit(1);
    });
    ::alarm(240);
}

// ---- Configurations ------------------------------------------------------------------------------------------------

/// librdkafka's own imitation of a cluster, which answers.
inline ap::Config mock() { return ap::Config{{"test.mock.num.brokers", "1"}}; }

/// Nothing listens there.
inline ap::Config no_broker() { return ap::Config{{"bootstrap.servers", "127.0.0.1:1"}}; }

/// The same with room for two messages: one in the queue, one in the buffer.
inline ap::Config narrow() {
    return ap::Config{{"bootstrap.servers", "127.0.0.1:1"}, {"max_queue_size", "1"}, {"max_buffer_size", "1"}};
}

// ---- Waiting -------------------------------------------------------------------------------------------------------

/// A value that threads change and wait for.
template <class T>
class Watched {
public:
    template <class Change>
    void change(const Change &change) {
        const std::lock_guard<std::mutex> lock(mutex_);
        change(value_);
        changed_.notify_all();
    }

    /// Waits until the condition holds; answers a copy of the value.
    template <class Condition>
    T wait(const Condition &condition) {
        std::unique_lock<std::mutex> lock(mutex_);
        if (!changed_.wait_for(lock, patience, [&] { return condition(value_); }))
            check_failed(__FILE__, __LINE__, "Watched::wait", "never came true");
        return value_;
    }

    T get() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return value_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    T value_{};
};

using Headers = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// A copy of an event.
struct Record {
    explicit Record(const ap::Event &event)
        : type(event.type()),
          error(event.error()),
          kafka_error(event.kafka_error()),
          partition(event.partition()),
          offset(event.offset()),
          timestamp(event.timestamp()),
          tag(event.tag()),
          topic(event.topic()),
          text(event.text()),
          key(event.key()),
          value(event.value()),
          persistence(event.persistence()),
          attempt(event.attempt()),
          duration(event.duration()),
          thread(std::this_thread::get_id()) {
        for (std::size_t i = 0; i < event.header_count(); i++) {
            const ap::HeaderView header = event.header(i);
            headers.emplace_back(header.name, header.value);
        }
    }

    ap::EventType type;
    std::error_code error;
    int kafka_error;
    std::optional<std::int32_t> partition;
    std::optional<std::int64_t> offset;
    std::chrono::system_clock::time_point timestamp;
    std::uint64_t tag;
    std::string topic, text;
    std::optional<std::string> key, value;
    ap::Persistence persistence;
    std::uint32_t attempt;
    std::chrono::microseconds duration;
    std::thread::id thread;
    Headers headers;
};

/// Keeps every event.
class Recorder {
public:
    ap::EventHandler handler() {
        return [this](const ap::Event &event) { records_.change([&](auto &records) { records.emplace_back(event); }); };
    }

    std::vector<Record> wait(std::size_t count) {
        return records_.wait([&](const auto &records) { return records.size() >= count; });
    }

    std::vector<Record> get() { return records_.get(); }

private:
    Watched<std::vector<Record>> records_;
};
