// The conformance scenario through async_producer.hpp; README.md beside this file has the steps.
#include <async_producer.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace ap = async_producer;
using namespace std::chrono_literals;

namespace {

constexpr auto PATIENCE = 60s;

/// What the events told.
class Reports {
public:
    void take(const ap::Event &event) {
        const std::lock_guard lock(mutex_);
        if (event.is(ap::EventType::delivered)) {
            ++delivered;
            if (event.tag() != 0) places[event.tag()] = {event.partition().value_or(-1), event.offset().value_or(-1)};
        } else if (event.is(ap::EventType::failed)) {
            ++failed;
        } else {
            ++dropped;
            values.emplace_back(event.value().value_or(""));
        }
        changed_.notify_all();
    }

    /// Waits until a counter has reached a number; answers the counter.
    int wait(const int &counter, int number) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, PATIENCE, [&] { return counter >= number; });
        return counter;
    }

    int delivered = 0, failed = 0, dropped = 0;
    std::map<std::uint64_t, std::pair<int, std::int64_t>> places; // by tag: partition and offset
    std::vector<std::string> values;                              // of the dropped ones

private:
    std::mutex mutex_;
    std::condition_variable changed_;
};

std::string required(const char *name) {
    const char *value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " must be set");
    return value;
}

std::string topic(std::string_view name) { return required("TOPIC") + "-" + std::string(name); }

ap::Config settings(std::string_view brokers,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> more) {
    ap::Config config{{"bootstrap.servers", brokers}};
    for (const auto &[key, value] : more) config.set(key, value);
    return config;
}

/// A producer and what it told.
struct Session {
    explicit Session(ap::Config config)
        : producer(config.on_event(ap::EventType::delivered | ap::EventType::failed | ap::EventType::dropped,
                                   [this](const ap::Event &event) { reports.take(event); })) {}

    Reports reports;
    ap::Producer producer; // goes first: no event comes after it
};

ap::Config a() { return settings("127.0.0.1:1", {{"max_queue_size", "10"}, {"max_buffer_size", "5"}}); }

ap::Config b(std::initializer_list<std::pair<std::string_view, std::string_view>> more = {}) {
    return settings(required("BROKERS"), more);
}

/// The name of the status that a call throws, AP_OK where it throws none.
template <class Call>
std::string status_of(Call &&call) {
    try {
        call();
        return "AP_OK";
    } catch (const ap::Error &error) {
        return std::string(ap::name(error.status()));
    }
}

/// The same, and whether the text of the error names the property.
template <class Call>
void print_refusal(const char *step, std::string_view property, Call &&call) {
    std::string status = "AP_OK", text;
    try {
        call();
    } catch (const ap::Error &error) {
        status = ap::name(error.status());
        text = error.what();
    }
    std::cout << step << ' ' << status << ' ' << (text.find(property) != std::string::npos ? "yes" : "no") << '\n';
}

void refusals() {
    std::cout << "version " << (ap_version() >> 16) << '.' << (ap_version() >> 8 & 0xFF) << '\n';
    print_refusal("unknown", "no.such.property", [] { ap::Config{{"no.such.property", "1"}}; });
    print_refusal("range", "max_queue_size", [] { ap::Config{{"max_queue_size", "0"}}; });
    print_refusal("missing", "bootstrap.servers", [] { ap::Producer(ap::Config()); });
}

int number_of(const std::string &value) { return std::stoi(value.substr(value.find('-') + 1)); }

void steps_of_a() {
    Session session(a());
    auto &[reports, producer] = session;
    const std::string large(2'000'000, 'x');
    std::cout << "topic " << status_of([&] { producer.produce("bad topic", nullptr, "x"); }) << '\n';
    std::cout << "large " << status_of([&] { producer.produce("nowhere", nullptr, large); }) << '\n';

    int accepted = 0;
    std::error_code refusal;
    for (;; ++accepted) {
        producer.produce("nowhere", nullptr, "value-" + std::to_string(accepted), refusal);
        if (refusal) break;
    }
    std::cout << "overflow accepted=" << accepted << ' ' << ap::name(static_cast<ap::Status>(refusal.value())) << '\n';

    const std::string status = status_of([&] { producer.shutdown(0s); });
    reports.wait(reports.dropped, accepted);
    auto values = reports.values;
    std::sort(values.begin(), values.end(),
              [](const auto &left, const auto &right) { return number_of(left) < number_of(right); });
    std::cout << "drop " << status << " dropped=" << reports.dropped << " failed=" << reports.failed
              << " values=" << values.front() << ".." << values.back() << '\n';
    std::cout << "closed " << status_of([&] { producer.produce("nowhere", nullptr, "x"); }) << '\n';
}

void clear() {
    Session session(a());
    auto &[reports, producer] = session;
    for (int i = 0; i < 3; ++i) producer.produce("nowhere", nullptr, "x");
    const auto cleared = producer.clear();
    const int dropped = reports.wait(reports.dropped, 3);
    std::cout << "clear cleared=" << cleared << " dropped=" << dropped
              << " flush=" << status_of([&] { producer.flush(0s); }) << '\n';
}

void policies() {
    {
        Session session(b({{"delivery_threshold", "5"}}));
        auto &[reports, producer] = session;
        for (int i = 0; i < 4; ++i) producer.produce(topic("policy"), nullptr, "threshold");
        const auto before = producer.stats().delivered;
        producer.produce(topic("policy"), nullptr, "threshold");
        std::cout << "threshold before=" << before << " delivered=" << reports.wait(reports.delivered, 5) << '\n';
        producer.shutdown(ap::forever);
    }
    {
        Session session(b({{"delivery_interval", "0.1"}}));
        auto &[reports, producer] = session;
        for (int i = 0; i < 3; ++i) producer.produce(topic("policy"), nullptr, "interval");
        std::cout << "interval delivered=" << reports.wait(reports.delivered, 3) << '\n';
        producer.shutdown(ap::forever);
    }
    Session session(b());
    auto &[reports, producer] = session;
    for (int i = 0; i < 3; ++i) producer.produce(topic("policy"), nullptr, "manual");
    const auto before = producer.stats().delivered;
    producer.deliver();
    std::cout << "manual before=" << before << " delivered=" << reports.wait(reports.delivered, 3) << '\n';
    producer.shutdown(ap::forever);
}

std::chrono::system_clock::time_point at(std::int64_t ms) {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

void records() {
    Session session(b());
    auto &[reports, producer] = session;
    const std::string to = topic("records");
    producer.produce(ap::Message(to).value("a").timestamp(at(1700000000001)).tag(1));
    producer.produce(ap::Message(to).key("k").timestamp(at(1700000000002)).tag(2));
    producer.produce(ap::Message(to).key("").value("").partition(0).timestamp(at(1700000000003)).tag(3));
    producer.produce(ap::Message(to)
                         .key("k")
                         .partition_key("other")
                         .value("d")
                         .header("h1", "v1")
                         .header("h2", nullptr)
                         .header("h3", "")
                         .header("h1", "again")
                         .timestamp(at(1700000000123))
                         .tag(4));
    std::cout << "records flush=" << status_of([&] { producer.flush(ap::forever); }) << " reports=";
    reports.wait(reports.delivered, 4);
    for (const auto &[tag, place] : reports.places) {
        std::cout << (tag == 1 ? "" : ",") << place.first << ':' << place.second;
    }
    std::cout << " shutdown=" << status_of([&] { producer.shutdown(ap::forever); }) << '\n';
}

void batch() {
    Session session(b({{"max_queue_size", "5000"}}));
    std::vector<ap::Message> messages;
    for (int i = 0; i < 1000; ++i) {
        messages.push_back(
            ap::Message(topic("batch")).key("k-" + std::to_string(i)).value("batch-" + std::to_string(i)));
    }
    const auto taken = session.producer.produce_batch(messages);
    std::cout << "batch taken=" << taken << " flush=" << status_of([&] { session.producer.flush(ap::forever); })
              << '\n';
    session.producer.shutdown(ap::forever);
}

void keys() {
    Session session(b());
    auto &[reports, producer] = session;
    for (int i = 0; i < 100; ++i) {
        const std::string key = "key-" + std::to_string(i);
        producer.produce(topic("keys"), key, key, static_cast<std::uint64_t>(i + 1));
    }
    producer.flush(ap::forever);
    reports.wait(reports.delivered, 100);
    std::cout << "keys ";
    for (const auto &[tag, place] : reports.places) std::cout << place.first;
    std::cout << '\n';
    producer.shutdown(ap::forever);
}

void forks() {
    Session session(b());
    auto &producer = session.producer;
    for (int i = 0; i < 3; ++i) producer.produce(topic("fork"), nullptr, "parent-" + std::to_string(i));
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
        std::error_code error;
        producer.produce(topic("fork"), nullptr, "child-0", error);
        if (!error) producer.produce(topic("fork"), nullptr, "child-1", error);
        if (!error) producer.flush(ap::forever, error);
        _exit(error ? 1 : 0);
    }
    int ended = 0;
    waitpid(child, &ended, 0);
    const std::string status = status_of([&] { producer.flush(ap::forever); });
    std::cout << "fork child=" << (WIFEXITED(ended) ? WEXITSTATUS(ended) : -1) << " parent=" << status
              << " delivered=" << producer.stats().delivered << '\n';
    producer.shutdown(ap::forever);
}

void bulk() {
    Session session(b({{"max_queue_size", "1000"}, {"delivery_threshold", "100"}, {"delivery_interval", "0.1"}}));
    auto &[reports, producer] = session;
    const std::string to = topic("bulk");
    const int count = 100'000;
    bool refused = false;
    for (int i = 0; i < count;) {
        char value[32];
        std::snprintf(value, sizeof value, "message-%06d", i);
        const int seen = reports.wait(reports.delivered, 0);
        std::error_code error;
        producer.produce(to, nullptr, value, error);
        if (error == ap::Status::buffer_overflow) {
            refused = true;
            reports.wait(reports.delivered, seen + 1);
        } else if (error) {
            throw ap::Error(error, "bulk");
        } else {
            ++i;
        }
    }
    const std::string status = status_of([&] { producer.shutdown(ap::forever); });
    reports.wait(reports.delivered, count);
    std::cout << "bulk delivered=" << reports.delivered << " failed=" << reports.failed + reports.dropped
              << " refused=" << (refused ? "yes" : "no") << " shutdown=" << status
              << " accepted=" << producer.stats().accepted << '\n';
}

} // namespace

int main() {
    refusals();
    steps_of_a();
    clear();
    policies();
    records();
    batch();
    keys();
    forks();
    bulk();
    return 0;
}
