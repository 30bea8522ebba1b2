// TrackedProducer: every accepted message is settled exactly once, by a completion or a future, whatever happens.
#include "check.hpp"

#include <algorithm>
#include <set>

namespace {

/// What became of messages, by their tags.
class Outcomes {
public:
    ap::Completion keep() {
        return [this](const ap::Outcome &outcome) { outcomes_.change([&](auto &all) { all.push_back(outcome); }); };
    }

    /// Waits for as many; no tag comes twice.
    std::vector<ap::Outcome> wait(std::size_t count) {
        auto outcomes = outcomes_.wait([&](const auto &all) { return all.size() >= count; });
        CHECK_EQ(outcomes.size(), count);
        std::set<std::uint64_t> tags;
        for (const ap::Outcome &outcome : outcomes) CHECK(tags.insert(outcome.delivery.tag).second);
        return outcomes;
    }

private:
    Watched<std::vector<ap::Outcome>> outcomes_;
};

ap::Message tagged(std::uint64_t tag) { return ap::Message("t").value("v").tag(tag); }

ap::Config no_broker_polled() { return ap::Config{{"bootstrap.servers", "127.0.0.1:1"}, {"event_mode", "poll"}}; }

/// The typed exception in a future.
ap::DeliveryError error_of(std::future<ap::Delivery> &future) {
    CHECK(future.wait_for(patience) == std::future_status::ready);
    try {
        future.get();
    } catch (const ap::DeliveryError &error) {
        return error;
    }
    check_failed(__FILE__, __LINE__, "future.get()", "it did not throw");
}

void a_delivered_future_says_where() {
    ap::TrackedProducer producer(mock());
    const auto time = std::chrono::system_clock::time_point(1234567890123ms);
    const ap::Message message = tagged(7).partition(2).timestamp(time);
    std::future<ap::Delivery> first = producer.produce_future(message);
    std::future<ap::Delivery> second = producer.produce_future(message);
    producer.flush(patience);
    const ap::Delivery delivery = first.get();
    CHECK_EQ(delivery.tag, 7u);
    CHECK_EQ(delivery.partition, 2);
    CHECK_EQ(delivery.offset, 0);
    CHECK(delivery.timestamp == time);
    CHECK_EQ(second.get().offset, 1); // tags need not differ
}

void a_failed_future_says_why() {
    ap::TrackedProducer producer(mock());
    std::future<ap::Delivery> future = producer.produce_future(tagged(8).partition(4711));
    CHECK_THROWS(ap::Status::undelivered, producer.flush(patience));
    const ap::DeliveryError error = error_of(future);
    CHECK(error.code());
    CHECK_EQ(error.kafka_error(), -190);
    CHECK_EQ(error.persistence(), ap::Persistence::no);
    CHECK_EQ(error.tag(), 8u);
    CHECK(has(error.what(), "partition"));
}

void a_future_of_a_dropped_message_fails() {
    ap::TrackedProducer producer(no_broker());
    std::future<ap::Delivery> cleared = producer.produce_future(tagged(1));
    CHECK_EQ(producer.clear(), 1u);
    CHECK_EQ(error_of(cleared).persistence(), ap::Persistence::no);
    std::future<ap::Delivery> dropped = producer.produce_future(tagged(2));
    CHECK_SETS(ap::Status::undelivered, producer.shutdown(0ms, code));
    const ap::DeliveryError error = error_of(dropped);
    CHECK_EQ(error.status(), ap::Status::shut_down);
    CHECK_EQ(error.persistence(), ap::Persistence::no);
    CHECK_EQ(error.tag(), 2u);
}

void destruction_settles() {
    std::vector<std::future<ap::Delivery>> futures;
    {
        ap::TrackedProducer producer(no_broker());
        for (std::uint64_t tag = 0; tag < 100; tag++) futures.push_back(producer.produce_future(tagged(tag)));
    }
    for (std::uint64_t tag = 0; tag < 100; tag++) {
        CHECK(futures.at(tag).wait_for(0s) == std::future_status::ready);
        CHECK_EQ(error_of(futures.at(tag)).tag(), tag);
    }
}

/// The library reports for one second; here that is not enough, and the rest is settled without an event.
void destruction_settles_what_has_no_event() {
    constexpr std::size_t count = 800;
    ap::TrackedOptions options;
    options.events = ap::EventType::dropped;
    options.handler = [](const ap::Event &) { std::this_thread::sleep_for(4ms); };
    Outcomes outcomes;
    {
        ap::TrackedProducer producer(no_broker(), options);
        for (std::uint64_t tag = 0; tag < count; tag++) producer.produce(tagged(tag), outcomes.keep());
    }
    const auto all = outcomes.wait(count);
    const auto unknown = [](const ap::Outcome &outcome) { return outcome.persistence == ap::Persistence::possibly; };
    CHECK(std::any_of(all.begin(), all.end(), unknown));
    CHECK(!std::all_of(all.begin(), all.end(), unknown));
    for (const ap::Outcome &outcome : all) {
        CHECK(!outcome && !outcome.text.empty());
        CHECK(outcome.error == ap::Status::shut_down);
        CHECK_THROWS(ap::Status::shut_down, outcome.value());
    }
}

void assignment_settles() {
    Outcomes outcomes;
    ap::TrackedProducer producer(no_broker());
    producer.produce(tagged(1), outcomes.keep());
    producer = ap::TrackedProducer(no_broker());
    CHECK_EQ(outcomes.wait(1).at(0).delivery.tag, 1u);
    producer.produce(tagged(2), outcomes.keep());
    ap::TrackedProducer other(std::move(producer));
    CHECK_EQ(other.stats().accepted, 1u);
    other = ap::TrackedProducer();
    outcomes.wait(2);
}

void unread_events_of_poll_mode_settle_too() {
    Outcomes outcomes;
    {
        ap::TrackedProducer producer(no_broker_polled());
        for (std::uint64_t tag = 0; tag < 10; tag++) producer.produce(tagged(tag), outcomes.keep());
        CHECK_EQ(producer.clear(), 10u);
        CHECK_EQ(producer.poll(patience, 4), 4u);
        outcomes.wait(4);
    }
    outcomes.wait(10);
}

void poll_mode_settles_on_the_thread_that_polls() {
    ap::Config config = mock();
    config.set("event_mode", "poll");
    ap::TrackedProducer producer(std::move(config));
    const ap::EventFd fd = producer.event_fd();
    CHECK(fd);
    std::thread::id thread;
    producer.produce(tagged(1), [&](const ap::Outcome &outcome) {
        CHECK(outcome);
        thread = std::this_thread::get_id();
    });
    producer.deliver();
    CHECK_EQ(producer.poll(patience, 10), 1u);
    CHECK(thread == std::this_thread::get_id());
    std::error_code error;
    CHECK_EQ(producer.poll(0ms, 10, error), 0u);
    CHECK(!error);
    producer.wake();
}

/// Nothing was accepted: no completion, and a future that is none.
void what_is_refused_is_not_settled() {
    ap::TrackedProducer producer(narrow());
    Outcomes outcomes;
    std::error_code error;
    std::uint64_t accepted = 0;
    while (producer.produce(tagged(accepted), outcomes.keep(), error), !error) accepted++;
    CHECK(error == ap::Status::buffer_overflow);
    CHECK_EQ(accepted, 2u);
    const auto never = [](const ap::Outcome &) { CHECK(false); };
    CHECK_THROWS(ap::Status::buffer_overflow, producer.produce(tagged(100), never));
    CHECK_THROWS(ap::Status::buffer_overflow, producer.produce_future(tagged(100)));
    CHECK_SETS(ap::Status::buffer_overflow, CHECK(!producer.produce_future(tagged(100), code).valid()));
    CHECK_SETS(ap::Status::invalid_argument, producer.produce(ap::Message("no such/topic"), never, code));
    CHECK_SETS(ap::Status::undelivered, producer.shutdown(0ms, code));
    outcomes.wait(2);
    CHECK_THROWS(ap::Status::shut_down, producer.produce(tagged(100), never));
    CHECK_THROWS(ap::Status::shut_down, producer.produce_future(tagged(100)));
}

void none_is_safe() {
    ap::TrackedProducer producer;
    const auto never = [](const ap::Outcome &) { CHECK(false); };
    CHECK(!producer);
    CHECK_EQ(producer.exceptions(), 0u);
    CHECK_THROWS(ap::Status::invalid_argument, producer.produce(tagged(1), never));
    CHECK_THROWS(ap::Status::invalid_argument, producer.produce_future(tagged(1)));
    CHECK_SETS(ap::Status::invalid_argument, producer.produce(tagged(1), never, code));
    CHECK_SETS(ap::Status::invalid_argument, CHECK(!producer.produce_future(tagged(1), code).valid()));
    CHECK_THROWS(ap::Status::invalid_argument, producer.poll(0ms, 1));
    CHECK_SETS(ap::Status::invalid_argument, producer.shutdown(0ms, code));
    std::string text;
    CHECK_SETS(ap::Status::config, producer = ap::TrackedProducer(ap::Config(), {}, code, &text));
    CHECK(!producer);
    CHECK(has(text, "bootstrap.servers"));
    CHECK_THROWS(ap::Status::config, ap::TrackedProducer(ap::Config()));
}

/// The program's handler sees its own tags, and is not in the way of completions.
void events_are_forwarded() {
    Recorder recorder;
    Watched<int> overflows;
    ap::TrackedOptions options;
    options.events = ap::EventType::dropped | ap::EventType::buffer_overflow;
    options.handler = [&, record = recorder.handler()](const ap::Event &event) {
        if (event.is(ap::EventType::dropped)) return record(event);
        CHECK_EQ(event.tag(), 0u);
        overflows.change([](int &count) { count++; });
    };
    ap::TrackedProducer producer(narrow(), options);
    Outcomes outcomes;
    std::error_code error;
    std::uint64_t tag = 1000;
    while (producer.produce(tagged(tag), outcomes.keep(), error), !error) tag++;
    CHECK_EQ(producer.clear(), 2u);
    outcomes.wait(2);
    const auto records = recorder.wait(2);
    CHECK_EQ(records.at(0).tag, 1000u);
    CHECK_EQ(records.at(1).tag, 1001u);
    CHECK_EQ(records.at(0).value, "v");
    overflows.wait([](int count) { return count > 0; });
}

void exceptions_do_not_stop_others() {
    Watched<int> taken;
    Outcomes outcomes;
    ap::TrackedOptions options;
    options.events = ap::EventType::dropped;
    options.handler = [](const ap::Event &) { throw std::runtime_error("of the handler"); };
    options.on_exception = [&](std::exception_ptr) { taken.change([](int &count) { count++; }); };
    ap::TrackedProducer producer(no_broker(), options);
    for (std::uint64_t tag = 0; tag < 10; tag++) {
        producer.produce(tagged(tag), [keep = outcomes.keep()](const ap::Outcome &outcome) {
            keep(outcome);
            throw std::runtime_error("of the completion");
        });
    }
    producer.produce(tagged(10), nullptr); // nobody asks
    CHECK_EQ(producer.clear(), 11u);
    outcomes.wait(10);
    taken.wait([](int count) { return count == 21; });
    CHECK_EQ(producer.exceptions(), 21u);
}

/// In poll mode they do not reach the caller: there is more than one of them for an event.
void exceptions_in_poll_mode_go_the_same_way() {
    ap::TrackedProducer producer(no_broker_polled());
    producer.produce(tagged(1), [](const ap::Outcome &) { throw 42; });
    CHECK_EQ(producer.clear(), 1u);
    CHECK_EQ(producer.poll(patience, 10), 1u);
    CHECK_EQ(producer.exceptions(), 1u);
}

void a_completion_may_produce() {
    ap::Config config = mock();
    config.set("delivery_threshold", "1");
    ap::TrackedProducer producer(std::move(config));
    Watched<int> links;
    const int length = 20;
    std::function<void(int)> link = [&](int number) {
        producer.produce(tagged(1), [&, number](const ap::Outcome &outcome) {
            CHECK(outcome);
            if (number < length) link(number + 1);
            links.change([](int &count) { count++; });
        });
    };
    link(1);
    links.wait([&](int count) { return count == length; });
}

void a_completion_may_destroy_the_producer() {
    Watched<int> completed;
    auto producer = std::make_unique<ap::TrackedProducer>(no_broker());
    auto *const raw = producer.get();
    for (std::uint64_t tag = 0; tag < 10; tag++) {
        raw->produce(tagged(tag), [&, tag](const ap::Outcome &) {
            if (tag == 3) producer.reset();
            completed.change([](int &count) { count++; });
        });
    }
    raw->shutdown(0ms, *std::make_unique<std::error_code>());
    completed.wait([](int count) { return count == 10; });
}

void ten_thousand_futures_from_four_threads() {
    ap::Config config = mock();
    config.set("max_queue_size", "10000").set("max_buffer_size", "10000").set("delivery_threshold", "500");
    ap::TrackedProducer producer(std::move(config));
    std::atomic<std::uint64_t> delivered{0};
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 4; thread++) {
        threads.emplace_back([&, thread] {
            std::vector<std::future<ap::Delivery>> futures;
            for (std::uint64_t i = 0; i < 2500; i++)
                futures.push_back(producer.produce_future(tagged(2500 * thread + i)));
            producer.deliver();
            for (std::uint64_t i = 0; i < 2500; i++) {
                CHECK(futures.at(i).wait_for(patience) == std::future_status::ready);
                CHECK_EQ(futures.at(i).get().tag, 2500 * thread + i);
                delivered++;
            }
        });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK_EQ(delivered.load(), 10000u);
    producer.shutdown(patience);
}

/// Whoever clears, delivers, shuts down and destroys meanwhile: each is settled once.
void everything_at_once() {
    for (int round = 0; round < 20; round++) {
        std::atomic<int> accepted{0}, settled{0};
        {
            ap::Config config = mock();
            config.set("delivery_threshold", "10");
            ap::TrackedProducer producer(std::move(config));
            std::vector<std::thread> threads;
            for (int i = 0; i < 3; i++) {
                threads.emplace_back([&] {
                    std::error_code error;
                    for (std::uint64_t tag = 0; tag < 300 && error != ap::Status::shut_down; tag++) {
                        producer.produce(
                            tagged(tag), [&](const ap::Outcome &) { settled++; }, error);
                        if (!error) accepted++;
                        if (tag % 50 == 0) producer.clear(error);
                    }
                });
            }
            std::error_code error;
            if (round % 2 == 0) producer.shutdown(std::chrono::milliseconds(round), error);
            for (std::thread &thread : threads) thread.join();
        }
        CHECK_EQ(settled.load(), accepted.load());
    }
}

} // namespace

int main() {
    watchdog();
    RUN(a_delivered_future_says_where);
    RUN(a_failed_future_says_why);
    RUN(a_future_of_a_dropped_message_fails);
    RUN(destruction_settles);
    RUN(destruction_settles_what_has_no_event);
    RUN(assignment_settles);
    RUN(unread_events_of_poll_mode_settle_too);
    RUN(poll_mode_settles_on_the_thread_that_polls);
    RUN(what_is_refused_is_not_settled);
    RUN(none_is_safe);
    RUN(events_are_forwarded);
    RUN(exceptions_do_not_stop_others);
    RUN(exceptions_in_poll_mode_go_the_same_way);
    RUN(a_completion_may_produce);
    RUN(a_completion_may_destroy_the_producer);
    RUN(ten_thousand_futures_from_four_threads);
    RUN(everything_at_once);
    return 0;
}
