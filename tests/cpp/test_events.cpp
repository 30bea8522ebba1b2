// Callback mode: what events say, what a handler may do, and where its exceptions go.
#include "check.hpp"

namespace {

void deliveries_say_where() {
    Recorder recorder;
    ap::Producer producer(mock().on_event(ap::EventType::settled, recorder.handler()));
    producer.produce(ap::Message("greetings").key("en").value("hello").partition(2).tag(7));
    producer.flush(patience);
    const Record record = recorder.wait(1).at(0);
    CHECK_EQ(record.type, ap::EventType::delivered);
    CHECK(!record.error);
    CHECK_EQ(record.kafka_error, 0);
    CHECK_EQ(record.partition, 2);
    CHECK_EQ(record.offset, 0);
    CHECK_EQ(record.tag, 7u);
    CHECK_EQ(record.topic, "greetings");
    CHECK_EQ(record.key, "en");
    CHECK_EQ(record.value, "hello");
    CHECK_EQ(record.persistence, ap::Persistence::yes);
    CHECK_EQ(record.attempt, 1u);
    CHECK(record.duration > 0us);
    CHECK(record.thread != std::this_thread::get_id());
}

void failures_say_why() {
    Recorder recorder;
    ap::Producer producer(mock().on_event(ap::EventType::settled, recorder.handler()));
    producer.produce(ap::Message("greetings").value("hello").partition(4711).tag(8));
    CHECK_THROWS(ap::Status::undelivered, producer.flush(patience));
    const Record record = recorder.wait(1).at(0);
    CHECK_EQ(record.type, ap::EventType::failed);
    CHECK(record.error);
    CHECK(record.error.category() == ap::category());
    CHECK_EQ(record.kafka_error, -190);
    CHECK_EQ(record.offset, std::nullopt);
    CHECK_EQ(record.persistence, ap::Persistence::no);
    CHECK_EQ(record.value, "hello");
    CHECK(!record.text.empty());
}

/// Only the types asked for, and what they speak of.
void masks_choose() {
    Watched<std::vector<std::uint64_t>> sizes;
    ap::Config config = narrow();
    config.on_event(ap::EventType::enqueued | ap::EventType::buffer_overflow, [&](const ap::Event &event) {
        CHECK(event.is(ap::EventType::enqueued | ap::EventType::buffer_overflow));
        CHECK(!event.is(ap::EventType::settled));
        CHECK_EQ(event.topic(), "t");
        CHECK_EQ(event.max_queue_size(), 1u);
        CHECK(event.queue_size() <= 1);
        CHECK_EQ(event.partition(), std::nullopt);
        CHECK(event.timestamp() > std::chrono::system_clock::time_point());
        CHECK(event.native().struct_size >= sizeof(ap_event_t));
        if (event.is(ap::EventType::buffer_overflow)) sizes.change([&](auto &all) { all.push_back(event.tag()); });
    });
    ap::Producer producer(config);
    std::error_code error;
    std::uint64_t tag = 0;
    while (producer.produce("t", nullptr, "v", tag, error), !error) tag++;
    const auto tags = sizes.wait([](const auto &all) { return !all.empty(); });
    CHECK_EQ(tags.at(0), tag);
}

void logs_have_a_level_and_no_error() {
    Watched<int> levels;
    ap::Config config = no_broker();
    config.set("debug", "all").on_event(ap::EventType::log, [&](const ap::Event &event) {
        CHECK(!event.error());
        CHECK(event.topic().empty());
        CHECK(!event.text().empty());
        levels.change([&](int &level) { level = event.log_level(); });
    });
    ap::Producer producer(config);
    producer.produce("t", nullptr, "v");
    producer.deliver();
    CHECK_EQ(levels.wait([](int level) { return level > 0; }), 7);
}

/// What blocks would wait for itself.
void blocking_calls_answer_in_a_handler() {
    Watched<std::vector<std::error_code>> errors;
    std::atomic<ap::Producer *> subject{nullptr};
    ap::Config config = mock();
    config.on_event(ap::EventType::delivered, [&](const ap::Event &event) {
        if (event.tag() != 1) return;
        ap::Producer &producer = *subject;
        std::error_code flushed, shut_down;
        producer.flush(1s, flushed);
        producer.shutdown(1s, shut_down);
        producer.produce("t", nullptr, "again", 2);
        producer.deliver();
        errors.change([&](auto &all) { all = {flushed, shut_down}; });
    });
    ap::Producer producer(config);
    subject = &producer;
    producer.produce("t", nullptr, "v", 1);
    producer.deliver();
    for (const std::error_code error : errors.wait([](const auto &all) { return !all.empty(); }))
        CHECK(error == ap::Status::would_deadlock);
    producer.shutdown(patience);
    CHECK_EQ(producer.stats().delivered, 2u);
}

/// The event is done with, and the next one comes.
void exceptions_are_counted_and_dropped() {
    Watched<int> calls;
    ap::Config config = no_broker();
    config.on_event(ap::EventType::dropped, [&](const ap::Event &) {
        calls.change([](int &count) { count++; });
        throw std::runtime_error("not for C");
    });
    ap::Producer producer(config);
    for (int i = 0; i < 100; i++) producer.produce("t", nullptr, "v");
    CHECK_EQ(producer.clear(), 100u);
    calls.wait([](int count) { return count == 100; });
    ap::Producer other(config); // of the same configuration: the same handler, and the same count
    producer = ap::Producer();  // waits for the last call
    CHECK_EQ(other.exceptions(), 100u);
}

void exceptions_go_where_they_are_wanted() {
    Watched<std::vector<std::string>> texts;
    ap::Config config = no_broker();
    const auto thrower = [](const ap::Event &event) {
        if (event.tag() % 2 == 0) throw std::runtime_error("of message " + std::to_string(event.tag()));
        throw event.tag(); // not derived from anything
    };
    const auto keep = [&](std::exception_ptr exception) {
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception &error) {
            texts.change([&](auto &all) { all.emplace_back(error.what()); });
        } catch (std::uint64_t tag) {
            texts.change([&](auto &all) { all.push_back(std::to_string(tag)); });
        }
        throw std::runtime_error("of the one that takes exceptions"); // counted with the first one, and dropped
    };
    ap::Producer producer(config.on_event(ap::EventType::dropped, thrower, keep));
    for (std::uint64_t tag = 1; tag <= 4; tag++) producer.produce("t", nullptr, "v", tag);
    CHECK_EQ(producer.clear(), 4u);
    const auto all = texts.wait([](const auto &strings) { return strings.size() == 4; });
    CHECK((all == std::vector<std::string>{"1", "of message 2", "3", "of message 4"}));
    CHECK_EQ(producer.exceptions(), 4u);
}

/// A handler may destroy its producer; it takes effect when it has returned.
void a_handler_may_destroy_its_producer() {
    Watched<int> calls;
    const auto token = std::make_shared<int>(0);
    {
        ap::Config config = no_broker();
        auto producer = std::make_shared<std::optional<ap::Producer>>();
        config.on_event(ap::EventType::dropped, [&calls, token, owner = producer.get()](const ap::Event &event) {
            if (event.tag() == 1) owner->reset();
            calls.change([](int &count) { count++; });
        });
        producer->emplace(config);
        for (std::uint64_t tag = 1; tag <= 10; tag++) (*producer)->produce("t", nullptr, "v", tag);
        ap_clear((*producer)->native_handle());
        calls.wait([](int count) { return count >= 1; });
    }
    while (token.use_count() > 1) std::this_thread::yield(); // the library lets go of the handler in the end
}

} // namespace

int main() {
    watchdog();
    RUN(deliveries_say_where);
    RUN(failures_say_why);
    RUN(masks_choose);
    RUN(logs_have_a_level_and_no_error);
    RUN(blocking_calls_answer_in_a_handler);
    RUN(exceptions_are_counted_and_dropped);
    RUN(exceptions_go_where_they_are_wanted);
    RUN(a_handler_may_destroy_its_producer);
    return 0;
}
