// Poll mode: handlers run on the thread that polls, their exceptions reach it, and the descriptor says when to poll.
#include "check.hpp"

#include <fcntl.h>
#include <poll.h>

namespace {

/// Tags 1 to count are dropped, and wait to be read.
ap::Producer with_events(std::uint64_t count, ap::EventHandler handler = nullptr) {
    ap::Config config = no_broker();
    if (handler)
        config.set("event_mode", "poll").on_event(ap::EventType::settled, std::move(handler));
    else
        config.poll_events(ap::EventType::settled);
    CHECK_EQ(config.get("event_mode"), "poll");
    ap::Producer producer(config);
    for (std::uint64_t tag = 1; tag <= count; tag++) producer.produce("t", nullptr, "v", tag);
    CHECK_EQ(producer.clear(), count);
    return producer;
}

bool readable(const ap::EventFd &fd, std::chrono::milliseconds timeout) {
    pollfd poller{fd.get(), POLLIN, 0};
    return ::poll(&poller, 1, static_cast<int>(timeout.count())) == 1;
}

void the_handler_of_the_call_runs_here() {
    ap::Producer producer = with_events(10);
    Recorder recorder;
    CHECK_EQ(producer.poll(patience, 4, recorder.handler()), 4u);
    CHECK_EQ(producer.poll(patience, 100, recorder.handler()), 6u);
    CHECK_EQ(producer.poll(0ms, 100, recorder.handler()), 0u);
    const std::vector<Record> records = recorder.get();
    CHECK_EQ(records.size(), 10u);
    for (std::uint64_t i = 0; i < 10; i++) {
        CHECK_EQ(records.at(i).tag, i + 1);
        CHECK(records.at(i).thread == std::this_thread::get_id());
    }
}

void without_one_the_configurations_runs() {
    Recorder recorder;
    ap::Producer producer = with_events(3, recorder.handler());
    CHECK_EQ(producer.poll(patience, 2), 2u);
    CHECK_EQ(recorder.get().size(), 2u);
    std::error_code error;
    CHECK_EQ(producer.poll(patience, 2, nullptr, error), 1u);
    CHECK(!error);
    CHECK_EQ(recorder.get().size(), 3u);
}

void without_any_events_are_read_and_gone() {
    ap::Producer producer = with_events(3);
    CHECK_EQ(producer.poll(patience, 100), 3u);
    CHECK_EQ(producer.poll(0ms, 100), 0u);
}

/// It stops there: that event is done with, those after it wait.
void an_exception_reaches_the_caller() {
    ap::Producer producer = with_events(5);
    std::vector<std::uint64_t> tags;
    const auto handler = [&](const ap::Event &event) {
        tags.push_back(event.tag());
        if (event.tag() % 2 == 0) throw std::out_of_range("of message " + std::to_string(event.tag()));
    };
    const auto poll_throws = [&](const char *what) {
        std::error_code error;
        try {
            if (tags.empty())
                producer.poll(patience, 100, handler);
            else
                producer.poll(patience, 100, handler, error); // both forms
        } catch (const std::out_of_range &exception) {
            CHECK(!error);
            return CHECK_EQ(exception.what(), std::string(what));
        }
        CHECK(false);
    };
    poll_throws("of message 2");
    CHECK((tags == std::vector<std::uint64_t>{1, 2}));
    poll_throws("of message 4");
    CHECK((tags == std::vector<std::uint64_t>{1, 2, 3, 4}));
    CHECK_EQ(producer.poll(patience, 100, handler), 1u);
    CHECK_EQ(producer.exceptions(), 0u); // none without a caller
}

void an_exception_of_the_configurations_handler_too() {
    ap::Producer producer = with_events(1, [](const ap::Event &) { throw 42; });
    try {
        producer.poll(patience, 1);
        CHECK(false);
    } catch (int number) {
        CHECK_EQ(number, 42);
    }
}

/// A call of C has no C++ caller: its exceptions are counted, as in callback mode.
void a_poll_of_c_does_not_throw() {
    ap::Producer producer = with_events(2, [](const ap::Event &) { throw 42; });
    CHECK_EQ(ap_poll(producer.native_handle(), 0, 10), 2);
    CHECK_EQ(producer.exceptions(), 2u);
}

/// The library does not nest polls; the outer one goes on as if nothing was.
void polls_do_not_nest() {
    ap::Producer outer = with_events(3), inner = with_events(3);
    int outer_calls = 0, inner_calls = 0;
    const auto of_inner = [&](const ap::Event &) { inner_calls++; };
    outer.poll(patience, 10, [&](const ap::Event &) {
        outer_calls++;
        CHECK_SETS(ap::Status::would_deadlock, inner.poll(0ms, 10, of_inner, code));
    });
    CHECK_EQ(outer_calls, 3);
    CHECK_EQ(inner_calls, 0);
    CHECK_EQ(inner.poll(patience, 10, of_inner), 3u);
    CHECK_EQ(inner_calls, 3);
}

void wrong_arguments() {
    ap::Producer producer = with_events(1);
    CHECK_THROWS(ap::Status::invalid_argument, producer.poll(0ms, 0));
    CHECK_SETS(ap::Status::invalid_argument, CHECK_EQ(producer.poll(0ms, 0, nullptr, code), 0u));
    CHECK_EQ(producer.poll(-5ms, 1), 1u); // late already, but an event is there
    producer.poll(0ms, 1, [&](const ap::Event &) { CHECK(false); });
}

void in_a_handler_it_would_deadlock() {
    ap::Producer producer = with_events(1);
    std::error_code polled, flushed;
    producer.poll(patience, 1, [&](const ap::Event &) {
        producer.poll(1s, 1, nullptr, polled);
        producer.flush(1s, flushed);
    });
    CHECK(polled == ap::Status::would_deadlock);
    CHECK(flushed == ap::Status::would_deadlock);
}

void a_handler_may_destroy_its_producer() {
    std::optional<ap::Producer> producer = with_events(5);
    std::size_t calls = 0;
    const std::size_t count = producer->poll(patience, 5, [&](const ap::Event &) {
        calls++;
        producer.reset();
    });
    CHECK_EQ(count, calls);
    CHECK(calls >= 1);
}

void wake_ends_a_wait() {
    ap::Producer producer = with_events(0);
    std::atomic<bool> over{false};
    std::thread poller([&] {
        CHECK_EQ(producer.poll(ap::forever, 1), 0u);
        over = true;
    });
    while (!over) { // a call that begins later is not woken
        producer.wake();
        std::this_thread::yield();
    }
    poller.join();
}

void the_descriptor_is_owned() {
    ap::Producer producer = with_events(0);
    int number = -1;
    {
        ap::EventFd fd = producer.event_fd();
        ap::EventFd other = std::move(fd);
        CHECK(!fd && other);
        CHECK_EQ(fd.get(), -1);
        fd = std::move(other);
        auto *self = &fd;
        fd = std::move(*self);
        number = fd.get();
        CHECK(::fcntl(number, F_GETFD) >= 0);
    }
    CHECK_EQ(::fcntl(number, F_GETFD), -1);
    ap::EventFd fd = producer.event_fd();
    number = fd.release();
    CHECK(!fd);
    CHECK_EQ(::close(number), 0);
    fd = producer.event_fd();
    number = fd.get();
    fd = ap::EventFd();
    CHECK_EQ(::fcntl(number, F_GETFD), -1);
}

void the_descriptor_is_readable_while_events_wait() {
    ap::Producer producer = with_events(0);
    const ap::EventFd fd = producer.event_fd();
    CHECK(!readable(fd, 0ms));
    producer.produce("t", nullptr, "v");
    producer.clear();
    CHECK(readable(fd, patience));
    CHECK_EQ(producer.poll(0ms, 10), 1u);
    CHECK(!readable(fd, 0ms));
}

/// The loop of a program, to the end: produce, poll, shut down, read what is left.
void a_loop() {
    ap::Config config = mock();
    config.set("delivery_threshold", "10").poll_events(ap::EventType::settled);
    ap::Producer producer(config);
    const ap::EventFd fd = producer.event_fd();
    std::uint64_t produced = 0, settled = 0;
    const auto handler = [&](const ap::Event &event) {
        CHECK_EQ(event.type(), ap::EventType::delivered);
        settled++;
    };
    while (produced < 1000) {
        for (int i = 0; i < 10; i++) producer.produce("t", nullptr, "v", produced++);
        CHECK(readable(fd, patience));
        while (producer.poll(0ms, 3, handler) == 3) {
        }
    }
    producer.shutdown(patience);
    while (producer.poll(0ms, 100, handler) > 0) {
    }
    CHECK_EQ(settled, 1000u);
}

} // namespace

int main() {
    watchdog();
    RUN(the_handler_of_the_call_runs_here);
    RUN(without_one_the_configurations_runs);
    RUN(without_any_events_are_read_and_gone);
    RUN(an_exception_reaches_the_caller);
    RUN(an_exception_of_the_configurations_handler_too);
    RUN(a_poll_of_c_does_not_throw);
    RUN(polls_do_not_nest);
    RUN(wrong_arguments);
    RUN(in_a_handler_it_would_deadlock);
    RUN(a_handler_may_destroy_its_producer);
    RUN(wake_ends_a_wait);
    RUN(the_descriptor_is_owned);
    RUN(the_descriptor_is_readable_while_events_wait);
    RUN(a_loop);
    return 0;
}
