// Producer: its life, its moves, and each of its calls as an error code and as an exception.
#include "check.hpp"

#include <sys/resource.h>

namespace {

/// Every call of one that has no producer.
void answers_invalid_argument(ap::Producer &producer) {
    constexpr auto invalid = ap::Status::invalid_argument;
    const ap::Message message("t");
    const std::vector<ap::Message> messages{message};
    CHECK(!producer);
    CHECK(producer.native_handle() == nullptr);
    CHECK_EQ(producer.exceptions(), 0u);
    CHECK_THROWS(invalid, producer.produce("t", "k", "v"));
    CHECK_SETS(invalid, producer.produce("t", "k", "v", code));
    CHECK_SETS(invalid, producer.produce("t", "k", "v", 1, code));
    CHECK_THROWS(invalid, producer.produce(message));
    CHECK_SETS(invalid, producer.produce(message, code));
    CHECK_THROWS(invalid, producer.produce_batch(messages));
    CHECK_SETS(invalid, CHECK_EQ(producer.produce_batch(messages, code), 0u));
    CHECK_THROWS(invalid, producer.deliver());
    CHECK_SETS(invalid, producer.deliver(code));
    CHECK_THROWS(invalid, producer.flush(1s));
    CHECK_SETS(invalid, producer.flush(1s, code));
    CHECK_THROWS(invalid, producer.clear());
    CHECK_SETS(invalid, CHECK_EQ(producer.clear(code), 0u));
    CHECK_THROWS(invalid, producer.shutdown(1s));
    CHECK_SETS(invalid, producer.shutdown(1s, code));
    CHECK_THROWS(invalid, producer.poll(1s, 1));
    CHECK_SETS(invalid, CHECK_EQ(producer.poll(1s, 1, nullptr, code), 0u));
    CHECK_THROWS(invalid, producer.event_fd());
    CHECK_SETS(invalid, CHECK_EQ(producer.event_fd(code).get(), -1));
    CHECK_THROWS(invalid, producer.wake());
    CHECK_SETS(invalid, producer.wake(code));
    CHECK_THROWS(invalid, producer.stats());
    CHECK_SETS(invalid, CHECK_EQ(producer.stats(code).accepted, 0u));
}

void none_is_safe() {
    ap::Producer producer;
    answers_invalid_argument(producer);
}

void a_moved_from_one_is_safe() {
    ap::Producer producer(no_broker());
    producer.produce("t", nullptr, "v");
    ap::Producer other(std::move(producer));
    answers_invalid_argument(producer);
    CHECK(other);
    CHECK_EQ(other.stats().accepted, 1u);
    producer = std::move(other);
    answers_invalid_argument(other);
    CHECK_EQ(producer.stats().accepted, 1u);
    auto *self = &producer;
    producer = std::move(*self);
    CHECK_EQ(producer.stats().accepted, 1u);
}

/// What it had is dropped, each with an event, and its handler never runs afterwards.
void assignment_and_destruction_free() {
    Recorder recorder;
    ap::Config config = no_broker();
    config.on_event(ap::EventType::dropped, recorder.handler());
    ap::Producer producer(config);
    producer.produce("t", nullptr, "v", 1);
    producer = ap::Producer(config);
    CHECK_EQ(recorder.get().size(), 1u);
    {
        ap::Producer inner(std::move(producer));
        inner.produce("t", nullptr, "v", 2);
    }
    CHECK_EQ(recorder.get().size(), 2u);
    CHECK_EQ(recorder.get().at(1).tag, 2u);
}

void what_cannot_be_made_says_why() {
    std::string text;
    CHECK_SETS(ap::Status::config, CHECK(!ap::Producer(ap::Config(), code, &text)));
    CHECK(has(text, "bootstrap.servers"));
    try {
        ap::Producer producer{ap::Config()};
        CHECK(false);
    } catch (const ap::Error &error) {
        CHECK_EQ(error.status(), ap::Status::config);
        CHECK(has(error.what(), "bootstrap.servers"));
    }
    CHECK_SETS(ap::Status::ok, CHECK(ap::Producer(no_broker(), code, &text)));
    CHECK_EQ(text, "");
}

void the_configuration_may_go_first() {
    std::optional<ap::Config> config = mock();
    ap::Producer producer(*config);
    config.reset();
    producer.produce("t", "k", "v");
    producer.shutdown(patience);
    CHECK_EQ(producer.stats().delivered, 1u);
}

void an_overflow_is_an_answer() {
    ap::Producer producer(narrow());
    std::error_code error;
    std::size_t accepted = 0;
    while (producer.produce("t", nullptr, "v", error), !error) accepted++;
    CHECK(error == ap::Status::buffer_overflow);
    CHECK_EQ(accepted, 2u);
    CHECK_THROWS(ap::Status::buffer_overflow, producer.produce("t", nullptr, "v"));
    CHECK_THROWS(ap::Status::buffer_overflow, producer.produce(ap::Message("t")));
    CHECK_SETS(ap::Status::buffer_overflow, producer.produce(ap::Message("t"), code));
    CHECK_EQ(producer.stats().overflowed, 4u);
    CHECK_EQ(producer.clear(), 2u);
    CHECK_SETS(ap::Status::ok, producer.produce("t", nullptr, "v", code));
}

void timeouts() {
    ap::Producer producer(no_broker());
    producer.produce("t", nullptr, "v");
    producer.deliver();
    CHECK_THROWS(ap::Status::timed_out, producer.flush(1ms));
    CHECK_SETS(ap::Status::timed_out, producer.flush(0ms, code));
    CHECK_SETS(ap::Status::timed_out, producer.flush(-1ms, code)); // late already, not without end
    CHECK_SETS(ap::Status::timed_out, producer.flush(std::chrono::milliseconds::min(), code));
    std::thread waker([&] { producer.shutdown(0ms, *std::make_unique<std::error_code>()); });
    CHECK_SETS(ap::Status::undelivered, producer.shutdown(ap::forever, code));
    waker.join();
    CHECK_SETS(ap::Status::undelivered, producer.shutdown(-1ms, code));
    CHECK_THROWS(ap::Status::undelivered, producer.shutdown(1s));
}

void after_shutdown_everything_is_refused() {
    ap::Producer producer(mock());
    producer.produce("t", nullptr, "v");
    producer.shutdown(ap::forever);
    CHECK_THROWS(ap::Status::shut_down, producer.produce("t", nullptr, "v"));
    CHECK_SETS(ap::Status::shut_down, producer.produce("t", nullptr, "v", code));
    CHECK_SETS(ap::Status::shut_down, producer.produce(ap::Message("t"), code));
    CHECK_SETS(ap::Status::shut_down, producer.produce_batch(std::vector{ap::Message("t")}, code));
    CHECK_THROWS(ap::Status::shut_down, producer.deliver());
    CHECK_SETS(ap::Status::shut_down, producer.deliver(code));
    CHECK_THROWS(ap::Status::shut_down, producer.flush(1s));
    CHECK_SETS(ap::Status::shut_down, producer.flush(1s, code));
    CHECK_THROWS(ap::Status::shut_down, producer.clear());
    CHECK_SETS(ap::Status::shut_down, producer.clear(code));
    CHECK_SETS(ap::Status::ok, producer.shutdown(1s, code));
    CHECK_EQ(producer.stats().delivered, 1u);
}

void callback_mode_has_no_poll() {
    ap::Producer producer(no_broker());
    CHECK_THROWS(ap::Status::unsupported, producer.poll(1s, 1));
    CHECK_SETS(ap::Status::unsupported, producer.poll(1s, 1, nullptr, code));
    CHECK_THROWS(ap::Status::unsupported, producer.event_fd());
    CHECK_SETS(ap::Status::unsupported, CHECK(!producer.event_fd(code)));
}

void without_descriptors_it_is_a_client_error() {
    ap::Producer producer(no_broker().poll_events(ap::EventType::settled));
    rlimit limit{};
    CHECK_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{0, limit.rlim_max};
    CHECK_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    CHECK_THROWS(ap::Status::client, producer.event_fd());
    CHECK_SETS(ap::Status::client, CHECK(!producer.event_fd(code)));
    CHECK_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK(producer.event_fd());
}

void batches() {
    Recorder recorder;
    ap::Producer producer(no_broker().on_event(ap::EventType::dropped, recorder.handler()));
    std::vector<ap::Message> messages;
    for (std::uint64_t i = 0; i < 100; i++) {
        ap::Message &message = messages.emplace_back("t");
        message.key("key of " + std::to_string(i)).tag(i);
        for (std::uint64_t j = 0; j < i % 5; j++) message.header("header " + std::to_string(j), std::to_string(i));
    }
    CHECK_EQ(producer.produce_batch(messages), 100u);
    CHECK_EQ(producer.produce_batch(std::vector<ap::Message>()), 0u);
    const ap::Message array[] = {ap::Message("t").tag(100), ap::Message("t").tag(101)};
    CHECK_SETS(ap::Status::ok, CHECK_EQ(producer.produce_batch(array, code), 2u));
    CHECK_EQ(producer.clear(), 102u);
    const std::vector<Record> records = recorder.wait(102);
    for (std::uint64_t i = 0; i < 100; i++) {
        const Record &record = records.at(i);
        CHECK_EQ(record.tag, i);
        CHECK_EQ(record.key, "key of " + std::to_string(i));
        CHECK_EQ(record.headers.size(), i % 5);
        for (std::size_t j = 0; j < i % 5; j++) {
            CHECK_EQ(record.headers.at(j).first, "header " + std::to_string(j));
            CHECK_EQ(record.headers.at(j).second, std::to_string(i));
        }
    }
    CHECK_EQ(records.at(101).tag, 101u);
}

void one_wrong_message_stops_a_batch() {
    ap::Producer producer(no_broker());
    const std::vector<ap::Message> messages{ap::Message("t"), ap::Message("no such/topic"), ap::Message("t")};
    CHECK_THROWS(ap::Status::invalid_argument, producer.produce_batch(messages));
    CHECK_SETS(ap::Status::invalid_argument, CHECK_EQ(producer.produce_batch(messages, code), 0u));
    const std::vector<ap::Message> large{ap::Message("t"), ap::Message("t").value(std::string(2000000, 'x'))};
    CHECK_THROWS(ap::Status::message_too_large, producer.produce_batch(large));
    CHECK_EQ(producer.stats().accepted, 0u);
}

void a_batch_takes_what_there_is_room_for() {
    ap::Producer producer(narrow());
    const std::vector<ap::Message> messages(10, ap::Message("t"));
    std::error_code error;
    std::size_t taken = 0;
    while (taken < 2) taken += producer.produce_batch(messages, error); // the worker takes the first one in a moment
    CHECK(!error);
    CHECK_EQ(taken, 2u);
    CHECK_EQ(producer.produce_batch(messages), 0u);
}

void statistics() {
    ap::Producer producer(mock());
    for (int i = 0; i < 5; i++) producer.produce("t", nullptr, "v");
    producer.flush(patience);
    const ap::Stats stats = producer.stats();
    CHECK_EQ(stats.accepted, 5u);
    CHECK_EQ(stats.delivered, 5u);
    CHECK_EQ(stats.max_queue_size, 1000u);
}

/// What the C header has beyond this one is within reach.
void calls_of_c_work() {
    ap::Producer producer(no_broker());
    CHECK_EQ(ap_produce(producer.native_handle(), "t", nullptr, 0, "v", 1, 0), AP_OK);
    CHECK_EQ(producer.stats().accepted, 1u);
}

void every_thread_may_call() {
    ap::Config config = mock();
    config.set("max_queue_size", "100000").set("max_buffer_size", "100000").set("delivery_threshold", "100");
    ap::Producer producer(config);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            for (int j = 0; j < 2500; j++) producer.produce(ap::Message("t").value("v").header("h", std::to_string(j)));
        });
    }
    for (std::thread &thread : threads) thread.join();
    producer.shutdown(patience);
    CHECK_EQ(producer.stats().delivered, 10000u);
}

} // namespace

int main() {
    watchdog();
    RUN(none_is_safe);
    RUN(a_moved_from_one_is_safe);
    RUN(assignment_and_destruction_free);
    RUN(what_cannot_be_made_says_why);
    RUN(the_configuration_may_go_first);
    RUN(an_overflow_is_an_answer);
    RUN(timeouts);
    RUN(after_shutdown_everything_is_refused);
    RUN(callback_mode_has_no_poll);
    RUN(without_descriptors_it_is_a_client_error);
    RUN(batches);
    RUN(one_wrong_message_stops_a_batch);
    RUN(a_batch_takes_what_there_is_room_for);
    RUN(statistics);
    RUN(calls_of_c_work);
    RUN(every_thread_may_call);
    return 0;
}
