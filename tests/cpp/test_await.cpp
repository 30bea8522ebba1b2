// C++20: co_await producer.send(message).
#include "check.hpp"

#include <coroutine>
#include <deque>

#ifndef __cpp_impl_coroutine
#error "this compiler has no coroutines"
#endif

namespace {

/// A coroutine that starts at once; its frame goes at its end, or with this where it was kept.
class Task {
public:
    struct promise_type {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; } // to who resumed it
    };

    /// Destroys the coroutine, which waits or has thrown.
    void destroy() { coroutine_.destroy(); }

private:
    explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// What a coroutine found, and on which thread.
struct Found {
    std::optional<ap::Delivery> delivery;
    std::error_code error;
    ap::Persistence persistence = ap::Persistence::yes;
    std::uint64_t tag = 0;
    std::thread::id thread;
};

using Finds = Watched<std::vector<Found>>;

ap::Message tagged(std::uint64_t tag) { return ap::Message("t").value("v").tag(tag); }

ap::Config delivering() { return ap::Config{{"test.mock.num.brokers", "1"}, {"delivery_threshold", "1"}}; }

ap::Config polled() { return ap::Config{{"bootstrap.servers", "127.0.0.1:1"}, {"event_mode", "poll"}}; }

Task send(ap::TrackedProducer &producer, ap::Message message, Finds &finds) {
    Found found;
    try {
        found.delivery = co_await producer.send(message);
        found.tag = found.delivery->tag;
    } catch (const ap::DeliveryError &error) {
        found.error = error.code();
        found.persistence = error.persistence();
        found.tag = error.tag();
    } catch (const ap::Error &error) {
        found.error = error.code();
    }
    found.thread = std::this_thread::get_id();
    finds.change([&](auto &all) { all.push_back(found); });
}

std::vector<Found> wait(Finds &finds, std::size_t count) {
    return finds.wait([&](const auto &all) { return all.size() == count; });
}

void a_delivery_resumes_on_the_librarys_thread() {
    ap::TrackedProducer producer(delivering());
    Finds finds;
    send(producer, tagged(7).partition(1), finds);
    const Found found = wait(finds, 1).at(0);
    CHECK(found.delivery.has_value());
    CHECK_EQ(found.delivery->partition, 1);
    CHECK_EQ(found.delivery->offset, 0);
    CHECK_EQ(found.tag, 7u);
    CHECK(found.thread != std::this_thread::get_id());
}

void a_failure_throws_in_the_coroutine() {
    ap::TrackedProducer producer(delivering());
    Finds finds;
    send(producer, tagged(8).partition(4711), finds);
    const Found found = wait(finds, 1).at(0);
    CHECK(found.error);
    CHECK_EQ(found.persistence, ap::Persistence::no);
    CHECK_EQ(found.tag, 8u);
}

void a_refusal_throws_at_once() {
    ap::TrackedProducer producer(narrow()), none;
    Finds finds;
    std::size_t sent = 0;
    while (finds.get().empty()) {
        send(producer, tagged(1), finds);
        sent++;
    }
    CHECK_EQ(sent, 3u);
    const Found found = finds.get().at(0);
    CHECK(found.error == ap::Status::buffer_overflow);
    CHECK(found.thread == std::this_thread::get_id());
    CHECK_THROWS(ap::Status::invalid_argument, static_cast<void>(none.send(tagged(1))));
    producer = ap::TrackedProducer();
    wait(finds, 3);
}

/// A loop of the program runs what the executor is given.
void an_executor_says_where() {
    Watched<std::deque<std::function<void()>>> queue;
    ap::TrackedOptions options;
    options.executor = [&](std::function<void()> function) {
        queue.change([&](auto &all) { all.push_back(std::move(function)); });
    };
    ap::TrackedProducer producer(delivering(), options);
    Finds finds;
    for (std::uint64_t tag = 0; tag < 10; tag++) send(producer, tagged(tag), finds);
    for (std::size_t run = 0; run < 10; run++) {
        queue.wait([](const auto &all) { return !all.empty(); });
        std::function<void()> function;
        queue.change([&](auto &all) {
            function = std::move(all.front());
            all.pop_front();
        });
        function();
    }
    for (const Found &found : wait(finds, 10)) {
        CHECK(found.delivery.has_value());
        CHECK(found.thread == std::this_thread::get_id());
    }
}

/// One that runs the function where it is called does what is done without one.
void an_executor_may_run_at_once() {
    ap::TrackedOptions options;
    options.executor = [](const std::function<void()> &function) { function(); };
    ap::TrackedProducer producer(delivering(), options);
    Finds finds;
    send(producer, tagged(1), finds);
    CHECK(wait(finds, 1).at(0).thread != std::this_thread::get_id());
}

/// Messages are on their way from send() on; co_await only waits.
Task pipelined(ap::TrackedProducer &producer, std::uint64_t count, Finds &finds) {
    std::vector<ap::Sent> sent;
    for (std::uint64_t tag = 0; tag < count; tag++) sent.push_back(producer.send(tagged(tag).partition(0)));
    Found found;
    for (std::uint64_t tag = 0; tag < count; tag++) {
        found.delivery = co_await sent.at(tag);
        CHECK_EQ(found.delivery->tag, tag);
        CHECK_EQ(found.delivery->offset, static_cast<std::int64_t>(tag));
    }
    CHECK_EQ((co_await sent.at(0)).tag, 0u); // the answer stays
    finds.change([&](auto &all) { all.push_back(found); });
}

void many_may_be_on_their_way() {
    ap::Config config = delivering();
    config.set("delivery_threshold", "100").set("max_queue_size", "1000");
    ap::TrackedProducer producer(std::move(config));
    Finds finds;
    pipelined(producer, 1000, finds);
    CHECK_EQ(wait(finds, 1).at(0).delivery->tag, 999u);
}

/// One that need not wait goes on on its own thread.
Task await_later(ap::Sent sent, Found &found) {
    found.delivery = co_await sent;
    found.thread = std::this_thread::get_id();
}

void what_is_settled_is_not_waited_for() {
    ap::TrackedProducer producer(delivering());
    ap::Sent sent = producer.send(tagged(3));
    while (!sent.is_over()) std::this_thread::yield();
    Found found;
    await_later(std::move(sent), found);
    CHECK_EQ(found.delivery->tag, 3u);
    CHECK(found.thread == std::this_thread::get_id());
}

void poll_mode_resumes_on_the_thread_that_polls() {
    ap::TrackedProducer producer(polled());
    Finds finds;
    send(producer, tagged(1), finds);
    CHECK_EQ(producer.clear(), 1u);
    CHECK(finds.get().empty());
    CHECK_EQ(producer.poll(patience, 10), 1u);
    const Found found = finds.get().at(0);
    CHECK_EQ(found.persistence, ap::Persistence::no);
    CHECK(found.thread == std::this_thread::get_id());
}

void destruction_of_the_producer_resumes() {
    Finds finds;
    {
        ap::TrackedProducer producer(polled());
        for (std::uint64_t tag = 0; tag < 10; tag++) send(producer, tagged(tag), finds);
        producer.clear(); // nobody reads the events
    }
    for (const Found &found : wait(finds, 10)) {
        CHECK(found.error == ap::Status::shut_down);
        CHECK_EQ(found.persistence, ap::Persistence::possibly);
    }
}

struct Token {
    explicit Token(int &alive) : alive_(alive) { alive_++; }
    ~Token() { alive_--; }
    Token(const Token &) = delete;
    Token &operator=(const Token &) = delete;
    int &alive_;
};

Task wait_with(ap::TrackedProducer &producer, int &alive) {
    const Token token(alive);
    co_await producer.send(tagged(1));
    CHECK(false); // it was destroyed
}

/// A program may give up a coroutine that waits: its message is settled all the same.
void a_waiting_coroutine_may_be_destroyed() {
    ap::TrackedProducer producer(polled());
    int alive = 0;
    Task task = wait_with(producer, alive);
    CHECK_EQ(alive, 1);
    task.destroy();
    CHECK_EQ(alive, 0);
    CHECK_EQ(producer.clear(), 1u);
    CHECK_EQ(producer.poll(patience, 10), 1u);
    CHECK_EQ(producer.exceptions(), 0u);
}

/// Also between the event and the executor's turn.
void a_coroutine_in_the_executors_queue_may_be_destroyed() {
    std::vector<std::function<void()>> queue;
    ap::TrackedOptions options;
    options.executor = [&](std::function<void()> function) { queue.push_back(std::move(function)); };
    ap::TrackedProducer producer(polled(), options);
    int alive = 0;
    Task task = wait_with(producer, alive);
    producer.clear();
    CHECK_EQ(producer.poll(patience, 10), 1u);
    CHECK_EQ(queue.size(), 1u);
    task.destroy();
    queue.at(0)();
    CHECK_EQ(alive, 0);
}

Task throw_after(ap::TrackedProducer &producer) {
    co_await producer.send(tagged(1));
    throw std::runtime_error("of the coroutine");
}

/// What a coroutine lets out reaches no frame of C.
void exceptions_of_coroutines_are_taken() {
    Watched<std::string> text;
    ap::TrackedOptions options;
    options.on_exception = [&](std::exception_ptr exception) {
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception &error) {
            text.change([&](std::string &what) { what = error.what(); });
        }
    };
    ap::TrackedProducer producer(delivering(), options);
    Task task = throw_after(producer);
    CHECK_EQ(text.wait([](const std::string &what) { return !what.empty(); }), "of the coroutine");
    CHECK_EQ(producer.exceptions(), 1u);
    task.destroy(); // an exception leaves the frame to its owner
}

/// A coroutine may own the producer it waits for.
Task own(Watched<int> &ends) {
    ap::TrackedProducer producer(delivering());
    for (std::uint64_t tag = 0; tag < 10; tag++) co_await producer.send(tagged(tag));
    ends.change([](int &count) { count++; });
}

void a_coroutine_may_end_its_producer() {
    Watched<int> ends;
    own(ends);
    ends.wait([](int count) { return count == 1; });
}

/// Sends for as long as it can, whatever became of the last one.
Task send_for_ever(ap::TrackedProducer &producer, Watched<std::vector<ap::Status>> &ends) {
    std::error_code refused;
    while (!refused) {
        try {
            co_await producer.send(tagged(1));
        } catch (const ap::DeliveryError &) {
            continue;
        } catch (const ap::Error &error) {
            refused = error.code();
        }
    }
    ends.change([&](auto &all) { all.push_back(static_cast<ap::Status>(refused.value())); });
}

/// Coroutines that are resumed by the destructor, or by events that come while it runs, are refused there.
void destruction_may_find_coroutines_at_work() {
    Watched<std::vector<ap::Status>> ends;
    for (int round = 0; round < 20; round++) {
        auto producer = std::make_unique<ap::TrackedProducer>(round % 2 == 0 ? delivering() : polled());
        for (int i = 0; i < 10; i++) send_for_ever(*producer, ends);
        std::error_code error;
        if (round % 3 == 0) producer->shutdown(10ms, error);
        producer.reset();
    }
    const auto all = ends.wait([](const auto &statuses) { return statuses.size() == 200; });
    for (const ap::Status status : all)
        CHECK(status == ap::Status::shut_down || status == ap::Status::invalid_argument);
}

void many_coroutines_from_many_threads() {
    ap::Config config = delivering();
    config.set("delivery_threshold", "100").set("max_queue_size", "10000").set("max_buffer_size", "10000");
    config.set("delivery_interval", "0.05");
    ap::TrackedProducer producer(std::move(config));
    Finds finds;
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 4; thread++) {
        threads.emplace_back([&, thread] {
            for (std::uint64_t i = 0; i < 500; i++) send(producer, tagged(500 * thread + i), finds);
        });
    }
    for (std::thread &thread : threads) thread.join();
    std::vector<bool> seen(2000);
    for (const Found &found : wait(finds, 2000)) {
        CHECK(found.delivery.has_value());
        CHECK(!seen.at(found.tag));
        seen.at(found.tag) = true;
    }
}

} // namespace

int main() {
    watchdog();
    RUN(a_delivery_resumes_on_the_librarys_thread);
    RUN(a_failure_throws_in_the_coroutine);
    RUN(a_refusal_throws_at_once);
    RUN(an_executor_says_where);
    RUN(an_executor_may_run_at_once);
    RUN(many_may_be_on_their_way);
    RUN(what_is_settled_is_not_waited_for);
    RUN(poll_mode_resumes_on_the_thread_that_polls);
    RUN(destruction_of_the_producer_resumes);
    RUN(a_waiting_coroutine_may_be_destroyed);
    RUN(a_coroutine_in_the_executors_queue_may_be_destroyed);
    RUN(exceptions_of_coroutines_are_taken);
    RUN(a_coroutine_may_end_its_producer);
    RUN(destruction_may_find_coroutines_at_work);
    RUN(many_coroutines_from_many_threads);
    return 0;
}
