// One category, one set of functions and one thread_local for all translation units.
#include "units.hpp"

namespace ap = async_producer;

int main() {
    ap::Config config{{"bootstrap.servers", "127.0.0.1:1"}, {"event_mode", "poll"}};
    config.on_event(ap::EventType::dropped, [](const ap::Event &) { throw 42; });
    ap::Producer producer = make_elsewhere(config);
    producer.produce("t", nullptr, "v");
    int number = 0;
    const bool cleared = producer.clear() == 1;
    const bool polled = poll_elsewhere(producer, number) == 1 && number == 42;
    return cleared && polled && &category_elsewhere() == &ap::category() ? 0 : 1;
}
