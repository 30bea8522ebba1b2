// Messages whose fate is told by a future each, at full speed: what to do when the queue is full, and at Ctrl-C.
//
//     send_futures [count [host:port]]
//
// Without a broker's address it uses a mock cluster inside the library, and a count of 0 goes on until Ctrl-C. That
// ends the producing, and what was accepted is delivered; a second one drops what is not delivered yet.
#include <async_producer.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <deque>
#include <exception>
#include <pthread.h>
#include <thread>

namespace ap = async_producer;
using namespace std::chrono_literals;

namespace {

sigset_t signals_to_stop() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

/// A thread that waits for signals: it may do what a signal handler may not, such as to call the library. They must be
/// blocked in every thread.
class Signals {
public:
    explicit Signals(ap::TrackedProducer &producer) : producer_(producer), thread_([this] { watch(); }) {}
    ~Signals() {
        over_ = true;
        pthread_kill(thread_.native_handle(), SIGTERM); // so that it looks at over_
        thread_.join();
    }
    Signals(const Signals &) = delete;
    Signals &operator=(const Signals &) = delete;

    /// The last signal, 0 = none yet.
    int number() const { return number_; }

private:
    void watch() {
        const sigset_t set = signals_to_stop();
        int number = 0;
        while (sigwait(&set, &number) == 0 && !over_) {
            std::fputs("send_futures: delivering what was accepted (once more to drop it)\n", stderr);
            std::error_code error;
            if (number_.exchange(number) != 0) producer_.shutdown(0ms, error); // ends what main waits for
        }
    }

    ap::TrackedProducer &producer_;
    std::atomic<bool> over_{false};
    std::atomic<int> number_{0};
    std::thread thread_; // the last one: it uses the others
};

/// Messages on their way, in the order they were sent.
class Deliveries {
public:
    void add(std::uint64_t number, std::future<ap::Delivery> future) {
        waiting_.emplace_back(number, std::move(future));
    }

    bool empty() const { return waiting_.empty(); }

    /// Whether the oldest one is settled.
    bool ready() const { return !empty() && waiting_.front().second.wait_for(0s) == std::future_status::ready; }

    /// Waits for the oldest one, and prints what became of it.
    void report() {
        auto [number, future] = std::move(waiting_.front());
        waiting_.pop_front();
        try {
            const ap::Delivery delivery = future.get();
            delivered_++;
            std::printf("order %ju: partition %d, offset %jd\n", std::uintmax_t{number}, int{delivery.partition},
                        std::intmax_t{delivery.offset});
        } catch (const ap::DeliveryError &error) {
            const bool surely_not = error.persistence() == ap::Persistence::no;
            std::printf("order %ju: %s in Kafka: %s\n", std::uintmax_t{number}, surely_not ? "not" : "perhaps",
                        error.what());
        }
    }

    std::uint64_t delivered() const { return delivered_; }

private:
    std::deque<std::pair<std::uint64_t, std::future<ap::Delivery>>> waiting_;
    std::uint64_t delivered_ = 0;
};

ap::Config configuration(const char *brokers) {
    ap::Config config{{"delivery_threshold", "50"}, {"max_queue_size", "100"}, {"max_buffer_size", "100"}};
    if (brokers != nullptr) return std::move(config.set("bootstrap.servers", brokers));
    return std::move(config.set("test.mock.num.brokers", "1").set("test.mock.broker.rtt", "5"));
}

/// Sends one order; where there is no room it waits until there is. False where no more are taken.
bool send(ap::TrackedProducer &producer, std::uint64_t number, Deliveries &deliveries, std::uint64_t &overflows) {
    const ap::Message message = ap::Message("orders").key(std::to_string(number % 10)).value("order").tag(number);
    for (;;) {
        std::error_code error;
        auto future = producer.produce_future(message, error);
        if (!error) {
            deliveries.add(number, std::move(future));
            return true;
        }
        if (error == ap::Status::shut_down) return false; // by the second signal
        if (error != ap::Status::buffer_overflow) throw ap::Error(error, "produce_future");
        overflows++;
        producer.deliver(error);                      // so that the oldest one is on its way,
        if (!deliveries.empty()) deliveries.report(); // and leaves room when it is settled
    }
}

int run(std::uint64_t count, const char *brokers) {
    const sigset_t stops = signals_to_stop();
    pthread_sigmask(SIG_BLOCK, &stops, nullptr); // before any thread starts: each inherits it
    ap::TrackedProducer producer(configuration(brokers));
    const Signals signals(producer);
    Deliveries deliveries;
    std::uint64_t accepted = 0, overflows = 0;
    while (signals.number() == 0 && (count == 0 || accepted < count)) {
        if (!send(producer, accepted + 1, deliveries, overflows)) break;
        accepted++;
        while (deliveries.ready()) deliveries.report();
    }

    std::error_code error; // the futures say more
    producer.shutdown(ap::forever, error);
    while (!deliveries.empty()) deliveries.report();
    std::fprintf(stderr, "send_futures: %ju accepted, %ju delivered, %ju overflows\n", std::uintmax_t{accepted},
                 std::uintmax_t{deliveries.delivered()}, std::uintmax_t{overflows});
    if (deliveries.delivered() < accepted) return 1;
    return signals.number() == 0 ? 0 : 128 + signals.number();
}

} // namespace

int main(int argc, char **argv) {
    try {
        return run(argc > 1 ? std::stoull(argv[1]) : 1000, argc > 2 ? argv[2] : nullptr);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "send_futures: %s\n", error.what());
        return 2;
    }
}
