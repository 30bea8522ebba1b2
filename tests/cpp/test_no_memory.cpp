// The forms with an error code are noexcept also where there is no memory: it is Status::no_memory, or it works.
#include "check.hpp"

#include <new>

namespace {

thread_local long left = -1; // allocations until they fail; -1 = never

bool may_allocate() {
    if (left < 0) return true;
    if (left == 0) return false;
    left--;
    return true;
}

} // namespace

[[gnu::noinline]] void *operator new(std::size_t size) {
    void *place = may_allocate() ? std::malloc(size == 0 ? 1 : size) : nullptr;
    if (place == nullptr) throw std::bad_alloc();
    return place;
}

[[gnu::noinline]] void operator delete(void *place) noexcept { std::free(place); }

[[gnu::noinline]] void operator delete(void *place, std::size_t) noexcept { std::free(place); }

namespace {

/// Lets the first, second, third ... allocation of the call fail, until it works.
template <class Call>
void fail_each_allocation(const Call &call) {
    std::error_code error = ap::Status::no_memory;
    long allowed = 0;
    for (; error; allowed++) {
        left = allowed;
        call(error);
        left = -1;
        if (error) CHECK(error == ap::Status::no_memory);
    }
    CHECK(allowed > 1); // at least one failed
}

const std::string long_text(100, 'x');

void configurations() {
    ap::Config config;
    fail_each_allocation([&](std::error_code &error) { config.set("client.id", long_text, error); });
    fail_each_allocation([&](std::error_code &error) { config.get("client.id", error); });
    CHECK_EQ(config.get("client.id"), long_text);
    fail_each_allocation([&](std::error_code &error) { config.on_event(ap::EventType::log, nullptr, nullptr, error); });
}

void messages() {
    ap::Producer producer(no_broker());
    const ap::Message message = ap::Message("t").value(long_text).header(long_text, long_text);
    fail_each_allocation([&](std::error_code &error) { producer.produce(message, error); });
    CHECK_EQ(producer.stats().accepted, 1u);
    const std::vector<ap::Message> all(5, message);
    fail_each_allocation([&](std::error_code &error) { producer.produce_batch(all, error); });
    CHECK_EQ(producer.stats().accepted, 6u);
}

/// It needs none at all on this side.
void the_flat_form() {
    ap::Producer producer(no_broker());
    std::error_code error;
    left = 0;
    producer.produce("a_topic_that_is_no_small_string_at_all", long_text, long_text, error);
    left = -1;
    CHECK(!error);
    CHECK_EQ(producer.clear(), 1u);
}

void tracked() {
    fail_each_allocation([](std::error_code &error) {
        const long allowed = std::exchange(left, -1);
        ap::Config config = no_broker();
        left = allowed;
        ap::TrackedProducer(std::move(config), {}, error);
    });
    ap::TrackedProducer producer(no_broker());
    std::future<ap::Delivery> future;
    fail_each_allocation([&](std::error_code &error) { future = producer.produce_future(ap::Message("t"), error); });
    CHECK(future.valid());
    CHECK_EQ(producer.stats().accepted, 1u);
    CHECK_EQ(producer.clear(), 1u);
    CHECK(future.wait_for(patience) == std::future_status::ready);
}

} // namespace

int main() {
    watchdog();
    RUN(configurations);
    RUN(messages);
    RUN(the_flat_form);
    RUN(tracked);
    return 0;
}
