// Built with -fno-exceptions: the forms with an error code do all there is to do.
#include <async_producer.hpp>

#include <cstdio>

#ifdef __cpp_exceptions
#error "this is about -fno-exceptions"
#endif

namespace ap = async_producer;

namespace {

void check(bool condition, const char *what) {
    if (condition) return;
    std::fprintf(stderr, "not so: %s\n", what);
    std::_Exit(1);
}

void produce_and_poll() {
    std::error_code error;
    std::string text;
    ap::Config config;
    config.set("delivery_threshold", "many", error, &text);
    check(error == ap::Status::config && text.find("many") != std::string::npos, "a mistake has a text");
    config.set("test.mock.num.brokers", "1", error);
    check(!error, "set");
    config.poll_events(ap::EventType::settled, error);
    check(!error, "poll_events");
    ap::Producer producer(config, error);
    check(!error, "Producer");
    producer.produce("no such/topic", nullptr, "v", error);
    check(error == ap::Status::invalid_argument, "an illegal topic is refused");
    producer.produce(ap::Message("t").value("v").header("h", "v").tag(7), error);
    check(!error, "produce");
    producer.flush(std::chrono::minutes(1), error);
    check(!error, "flush");
    std::uint64_t tag = 0;
    producer.poll(
        std::chrono::minutes(1), 10, [&](const ap::Event &event) { tag = event.tag(); }, error);
    check(!error && tag == 7, "poll");
    producer.shutdown(ap::forever, error);
    check(!error, "shutdown");
}

void completions() {
    std::error_code error;
    ap::Config config;
    config.set("bootstrap.servers", "127.0.0.1:1", error);
    int settled = 0;
    {
        ap::TrackedProducer producer(std::move(config), {}, error);
        check(!error, "TrackedProducer");
        producer.produce(
            ap::Message("t"),
            [&](const ap::Outcome &outcome) {
                settled++;
                check(outcome.error == ap::Status::shut_down, "an outcome has its error");
            },
            error);
        check(!error, "produce");
    }
    check(settled == 1, "a completion is called once");
}

} // namespace

int main() {
    produce_and_poll();
    completions();
    return 0;
}
