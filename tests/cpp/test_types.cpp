// What the compiler can say: who can be copied and moved, what is noexcept, what the enums are.
#include "check.hpp"

#include <array>

#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

template <class T>
constexpr bool is_move_only =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> && std::is_nothrow_move_constructible_v<T> &&
    std::is_nothrow_move_assignable_v<T> && std::is_nothrow_destructible_v<T>;

static_assert(is_move_only<ap::Config>);
static_assert(is_move_only<ap::Producer>);
static_assert(is_move_only<ap::TrackedProducer>);
static_assert(is_move_only<ap::EventFd>);
static_assert(std::is_nothrow_default_constructible_v<ap::Producer>);
static_assert(std::is_nothrow_default_constructible_v<ap::TrackedProducer>);
static_assert(std::is_copy_constructible_v<ap::Message> && std::is_nothrow_move_constructible_v<ap::Message>);
static_assert(std::is_nothrow_copy_constructible_v<ap::Error>); // as every exception must be
static_assert(std::is_nothrow_copy_constructible_v<ap::DeliveryError>);
static_assert(std::is_base_of_v<std::system_error, ap::Error> && std::is_base_of_v<ap::Error, ap::DeliveryError>);
static_assert(!std::is_convertible_v<ap::TrackedProducer &, ap::Producer &>); // its tags are not the program's

// Views cost nothing.
static_assert(std::is_trivially_copyable_v<ap::bytes_view> && sizeof(ap::bytes_view) == 2 * sizeof(void *));
static_assert(std::is_trivially_copyable_v<ap::Event> && sizeof(ap::Event) == sizeof(void *));

// What bytes are, and what they are not.
template <class T>
constexpr bool is_bytes = std::is_convertible_v<T, ap::bytes_view>;
static_assert(is_bytes<std::nullptr_t> && is_bytes<std::nullopt_t> && is_bytes<const char *> && is_bytes<char[4]>);
static_assert(is_bytes<std::string> && is_bytes<std::string_view> && is_bytes<std::optional<std::string>>);
static_assert(is_bytes<std::vector<std::byte>> && is_bytes<std::vector<char>> && is_bytes<std::vector<unsigned char>>);
static_assert(is_bytes<std::array<signed char, 3>> && is_bytes<std::optional<std::vector<std::byte>>>);
static_assert(!is_bytes<int> && !is_bytes<void *> && !is_bytes<bool>);
static_assert(!is_bytes<std::vector<int>> && !is_bytes<std::wstring> && !is_bytes<unsigned char[4]>);
#if __cplusplus >= 202002L
static_assert(is_bytes<std::span<const std::byte>> && is_bytes<std::span<char, 4>> && !is_bytes<std::span<int>>);
#endif

// Timeouts: whole milliseconds and what becomes them without loss.
static_assert(std::is_convertible_v<std::chrono::hours, std::chrono::milliseconds>);
static_assert(!std::is_convertible_v<std::chrono::microseconds, std::chrono::milliseconds>);

// What the library calls lets nothing out.
static_assert(noexcept(ap::detail::Hook::call(nullptr, nullptr)));

// Masks.
static_assert((ap::EventType::failed | ap::EventType::dropped | ap::EventType::delivered) == ap::EventType::settled);
static_assert(~ap::EventType::none == ap::EventType::all && ~ap::EventType::all == ap::EventType::none);
static_assert((~ap::EventType::log & ap::EventType::log) == ap::EventType::none);
static_assert(ap::any(ap::EventType::settled, ap::EventType::failed));
static_assert(!ap::any(ap::EventType::settled, ap::EventType::log));

#define ONE_THROWS(throwing, setting)                                                                                  \
    static_assert(!noexcept(throwing));                                                                                \
    static_assert(noexcept(setting))

/// The forms with an error code are noexcept, but for poll, which rethrows; the others are not.
void the_forms_with_an_error_code_are_noexcept() {
    ap::Config config;
    ap::Producer producer;
    ap::TrackedProducer tracked;
    std::error_code error;
    const ap::Message message("t");
    const ap_message_t raw = AP_MESSAGE_INIT;
    const std::vector<ap::Message> messages;
    const std::chrono::milliseconds time = 1s;
    ONE_THROWS(config.set("k", "v"), config.set("k", "v", error));
    ONE_THROWS(config.get("k"), config.get("k", error));
    ONE_THROWS(config.load("f"), config.load(std::declval<const std::string &>(), error));
    ONE_THROWS(config.on_event({}, nullptr), config.on_event({}, nullptr, nullptr, error));
    ONE_THROWS(config.poll_events({}), config.poll_events({}, error));
    ONE_THROWS(ap::Producer{config}, (ap::Producer{config, error}));
    ONE_THROWS(producer.produce("t", "k", "v", 1), producer.produce("t", "k", "v", 1, error));
    ONE_THROWS(producer.produce("t", "k", "v"), producer.produce("t", "k", "v", error));
    ONE_THROWS(producer.produce(message), producer.produce(message, error));
    ONE_THROWS(producer.produce(raw), producer.produce(raw, error));
    ONE_THROWS(producer.produce_batch(messages), producer.produce_batch(messages, error));
    ONE_THROWS(producer.deliver(), producer.deliver(error));
    ONE_THROWS(producer.flush(time), producer.flush(time, error));
    ONE_THROWS(producer.clear(), producer.clear(error));
    ONE_THROWS(producer.shutdown(time), producer.shutdown(time, error));
    ONE_THROWS(producer.event_fd(), producer.event_fd(error));
    ONE_THROWS(producer.wake(), producer.wake(error));
    ONE_THROWS(producer.stats(), producer.stats(error));
    ONE_THROWS(tracked.produce(message, nullptr), tracked.produce(message, nullptr, error));
    ONE_THROWS(tracked.produce_future(message), tracked.produce_future(message, error));
    ONE_THROWS(tracked.poll(time, 1), tracked.poll(time, 1, error));
    static_assert(!noexcept(producer.poll(time, 1, nullptr)) && !noexcept(producer.poll(time, 1, nullptr, error)));
}

} // namespace

int main() {
    the_forms_with_an_error_code_are_noexcept();
    ap::EventType mask = ap::EventType::none;
    mask |= ap::EventType::log;
    mask |= ap::EventType::error;
    mask &= ~ap::EventType::error;
    CHECK_EQ(mask, ap::EventType::log);
    return 0;
}
