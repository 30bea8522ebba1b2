// Messages sent by coroutines, which go on when theirs is delivered; all of it on one thread, in a poll(2) loop.
//
//     send_await [count [host:port]]
//
// Without a broker's address it uses a mock cluster inside the library, and a count of 0 goes on until Ctrl-C. That
// ends the sending, and what was accepted is delivered; a second one drops what is not delivered yet.
#include <async_producer.hpp>

#include <coroutine>
#include <csignal>
#include <cstdio>
#include <exception>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vector>

namespace ap = async_producer;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t seller_count = 20;
constexpr std::size_t events_max = 64; // events taken in one go, so that a flood of them does not hold up the loop

/// A coroutine that starts at once and is gone at its end.
struct Task {
    struct promise_type {
        Task get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

/// Coroutines that wait for room in the queue.
class Room {
public:
    /// `co_await` it to be resumed by made().
    auto operator co_await() noexcept {
        struct Awaiter : std::suspend_always {
            explicit Awaiter(std::vector<std::coroutine_handle<>> &all) : waiting(all) {}
            void await_suspend(std::coroutine_handle<> coroutine) { waiting.push_back(coroutine); }
            std::vector<std::coroutine_handle<>> &waiting;
        };
        return Awaiter(waiting_);
    }

    void made() {
        for (const auto coroutine : std::exchange(waiting_, {})) coroutine.resume();
    }

private:
    std::vector<std::coroutine_handle<>> waiting_;
};

/// What the sellers share: one thread, so no locks.
struct Shop {
    ap::TrackedProducer producer;
    std::uint64_t wanted; // 0 = until Ctrl-C
    Room room;
    bool closing = false;
    std::size_t sellers = 0;
    std::uint64_t accepted = 0, delivered = 0, overflows = 0;

    bool is_open() const { return !closing && (wanted == 0 || accepted < wanted); }
};

/// Sells one order after the other.
Task sell(Shop &shop) {
    shop.sellers++;
    while (shop.is_open()) {
        const std::uint64_t number = shop.accepted + 1;
        bool full = false;
        try {
            const ap::Sent sent = shop.producer.send(ap::Message("orders").value("order").tag(number));
            shop.accepted++;
            const ap::Delivery delivery = co_await sent;
            shop.delivered++;
            std::printf("order %ju: partition %d, offset %jd\n", std::uintmax_t{number}, int{delivery.partition},
                        std::intmax_t{delivery.offset});
        } catch (const ap::DeliveryError &error) {
            const bool surely_not = error.persistence() == ap::Persistence::no;
            std::printf("order %ju: %s in Kafka: %s\n", std::uintmax_t{number}, surely_not ? "not" : "perhaps",
                        error.what());
        } catch (const ap::Error &error) { // not accepted
            if (error.status() != ap::Status::buffer_overflow) shop.closing = true;
            full = error.status() == ap::Status::buffer_overflow;
            if (!full) std::fprintf(stderr, "send_await: %s\n", error.what());
        }
        if (full) { // a handler of exceptions may not wait
            shop.overflows++;
            co_await shop.room;
        }
    }
    shop.sellers--;
}

/// SIGINT and SIGTERM as a descriptor.
int signal_fd() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    return fd;
}

/// The signal that came.
int read_signal(int fd) {
    signalfd_siginfo info{};
    if (read(fd, &info, sizeof info) != sizeof info)
        throw std::system_error(errno, std::generic_category(), "signalfd");
    return static_cast<int>(info.ssi_signo);
}

/// Runs until every seller is done; answers the last signal, 0 = none.
int loop(Shop &shop, const ap::EventFd &signals) {
    const ap::EventFd events = shop.producer.event_fd();
    int last_signal = 0;
    while (shop.sellers > 0) {
        pollfd descriptors[] = {{events.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
        if (poll(descriptors, 2, -1) < 0) continue; // EINTR

        // The coroutines run in here: each event resumes the one that waits for it.
        if (descriptors[0].revents != 0 && shop.producer.poll(0ms, events_max) > 0) shop.room.made();
        if (descriptors[1].revents != 0) {
            const bool again = std::exchange(last_signal, read_signal(signals.get())) != 0;
            std::fputs("send_await: delivering what was accepted (once more to drop it)\n", stderr);
            shop.closing = true;
            shop.room.made();
            std::error_code error; // the sellers hear of it
            if (again) shop.producer.shutdown(0ms, error);
        }
    }
    return last_signal;
}

ap::Config configuration(const char *brokers) {
    ap::Config config{{"event_mode", "poll"},
                      {"delivery_threshold", "5"},
                      {"delivery_interval", "0.1"},
                      {"max_buffer_size", "10"},
                      {"max_queue_size", "5"}};
    if (brokers != nullptr) return std::move(config.set("bootstrap.servers", brokers));
    return std::move(config.set("test.mock.num.brokers", "1").set("test.mock.broker.rtt", "5"));
}

int run(std::uint64_t count, const char *brokers) {
    const ap::EventFd signals(signal_fd()); // an owner for any descriptor
    Shop shop{ap::TrackedProducer(configuration(brokers)), count, {}};
    for (std::size_t i = 0; i < seller_count; i++) sell(shop);
    const int last_signal = loop(shop, signals);
    std::fprintf(stderr, "send_await: %ju accepted, %ju delivered, %ju overflows\n", std::uintmax_t{shop.accepted},
                 std::uintmax_t{shop.delivered}, std::uintmax_t{shop.overflows});
    if (shop.delivered < shop.accepted || (count > 0 && last_signal == 0 && shop.accepted < count)) return 1;
    return last_signal == 0 ? 0 : 128 + last_signal;
}

} // namespace

int main(int argc, char **argv) {
    try {
        return run(argc > 1 ? std::stoull(argv[1]) : 1000, argc > 2 ? argv[2] : nullptr);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "send_await: %s\n", error.what());
        return 2;
    }
}
