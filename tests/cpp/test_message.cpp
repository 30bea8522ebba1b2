// Messages: what goes in comes back in the event, null apart from empty. clear() hands messages back without a broker.
#include "check.hpp"

#include <array>

#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

/// Produces, and answers the message as the library had it.
template <class Produce>
Record handed_back(const Produce &produce) {
    Recorder recorder;
    ap::Producer producer(no_broker().on_event(ap::EventType::dropped, recorder.handler()));
    produce(producer);
    CHECK_EQ(producer.clear(), 1u);
    return recorder.wait(1).at(0);
}

std::optional<std::string> value_of(ap::bytes_view value) {
    return handed_back([&](ap::Producer &producer) { producer.produce("t", nullptr, value); }).value;
}

void null_is_not_empty() {
    CHECK_EQ(value_of(nullptr), std::nullopt);
    CHECK_EQ(value_of(std::nullopt), std::nullopt);
    CHECK_EQ(value_of(ap::bytes_view()), std::nullopt);
    CHECK_EQ(value_of(std::string_view()), std::nullopt);
    CHECK_EQ(value_of(static_cast<const char *>(nullptr)), std::nullopt);
    CHECK_EQ(value_of(std::optional<std::string>()), std::nullopt);
    CHECK_EQ(value_of({nullptr, 0}), std::nullopt);

    CHECK_EQ(value_of(""), "");
    CHECK_EQ(value_of(std::string_view("")), "");
    CHECK_EQ(value_of(std::string()), "");
    CHECK_EQ(value_of(std::optional<std::string>("")), "");
    CHECK_EQ(value_of(std::vector<std::byte>()), "");
    CHECK_EQ(value_of(std::array<char, 0>()), "");
#if __cplusplus >= 202002L
    CHECK_EQ(value_of(std::span<const std::byte>()), "");
#endif
}

void all_kinds_of_bytes() {
    using namespace std::string_literals;
    const std::string text = "ab\0c"s;
    CHECK_EQ(value_of("abc"), "abc");
    CHECK_EQ(value_of(text), text);
    CHECK_EQ(value_of(std::string_view(text).substr(1)), text.substr(1));
    CHECK_EQ(value_of({text.data(), 3}), text.substr(0, 3));
    CHECK_EQ(value_of(std::vector<char>(text.begin(), text.end())), text);
    CHECK_EQ(value_of(std::vector<unsigned char>{0, 255}), "\0\xff"s);
    CHECK_EQ(value_of(std::array<std::byte, 2>{std::byte{1}, std::byte{2}}), "\1\2");
    CHECK_EQ(value_of(std::optional<std::string_view>("abc")), "abc");
#if __cplusplus >= 202002L
    CHECK_EQ(value_of(std::span(text)), text);
#endif
}

void keys_too() {
    const auto key_of = [](ap::bytes_view key) {
        return handed_back([&](ap::Producer &producer) { producer.produce("t", key, "v"); }).key;
    };
    CHECK_EQ(key_of(nullptr), std::nullopt);
    CHECK_EQ(key_of(""), "");
    CHECK_EQ(key_of("k"), "k");
}

/// A view need not end with a NUL, and a topic may have 249 bytes.
void topics_are_views() {
    const std::string_view text = "greetings!";
    const std::string longest(249, 'x');
    CHECK_EQ(handed_back([&](ap::Producer &p) { p.produce(text.substr(0, 9), nullptr, "v"); }).topic, "greetings");
    CHECK_EQ(handed_back([&](ap::Producer &p) { p.produce(longest, nullptr, "v"); }).topic, longest);
    CHECK_EQ(handed_back([&](ap::Producer &p) { p.produce(ap::Message(longest)); }).topic, longest);
}

void everything_comes_back() {
    const auto time = std::chrono::system_clock::time_point(1234567890123ms);
    ap::Message message("topic");
    message.key("key").value("value").partition(3).partition_key("elsewhere").timestamp(time + 999us).tag(42);
    message.header("one", "1").header("null", nullptr).header("empty", "").header("one", std::string(2, '\0'));
    const Record record = handed_back([&](ap::Producer &producer) { producer.produce(message); });
    CHECK_EQ(record.topic, "topic");
    CHECK_EQ(record.key, "key");
    CHECK_EQ(record.value, "value");
    CHECK_EQ(record.partition, 3);
    CHECK(record.timestamp == time);
    CHECK_EQ(record.tag, 42u);
    const Headers headers{{"one", "1"}, {"null", std::nullopt}, {"empty", ""}, {"one", std::string(2, '\0')}};
    CHECK(record.headers == headers);
}

void the_bare_minimum() {
    const auto before = std::chrono::system_clock::now() - 1ms;
    const Record record = handed_back([](ap::Producer &producer) { producer.produce(ap::Message("t")); });
    CHECK_EQ(record.key, std::nullopt);
    CHECK_EQ(record.value, std::nullopt);
    CHECK_EQ(record.partition, std::nullopt);
    CHECK_EQ(record.headers.size(), 0u);
    CHECK_EQ(record.tag, 0u);
    CHECK(record.timestamp >= before && record.timestamp <= std::chrono::system_clock::now());
}

/// Messages own what they are given, and copies of them too.
void messages_can_be_kept() {
    std::vector<ap::Message> messages;
    for (int i = 0; i < 10; i++) {
        std::string text = "a text that is too long for any small string optimization " + std::to_string(i);
        messages.emplace_back("t").key(text).value(text).header(text, text);
        text.assign(text.size(), '!');
    }
    const std::vector<ap::Message> copies = messages;
    messages.clear();
    const Record record = handed_back([&](ap::Producer &producer) { producer.produce(copies.at(7)); });
    CHECK(record.value && has(*record.value, "optimization 7"));
    CHECK_EQ(record.key, record.value);
    CHECK_EQ(record.headers.at(0).first, record.value);
    CHECK_EQ(record.headers.at(0).second, record.value);
}

void messages_of_c_are_taken() {
    ap_message_t message = AP_MESSAGE_INIT;
    message.topic = "t";
    message.value = "abc";
    message.value_len = 2;
    message.tag = 5;
    const Record record = handed_back([&](ap::Producer &producer) { producer.produce(message); });
    CHECK_EQ(record.value, "ab");
    CHECK_EQ(record.tag, 5u);
}

/// Each with both forms: an error code, and an exception.
void wrong_messages_are_refused() {
    using namespace std::string_view_literals;
    ap::Producer producer(no_broker());
    const auto refused = [&](const ap::Message &message, ap::Status status) {
        CHECK_THROWS(status, producer.produce(message));
        CHECK_SETS(status, producer.produce(message, code));
    };
    for (std::string_view topic : {""sv, "no such/topic"sv, ".."sv, "a\0b"sv}) {
        refused(ap::Message(topic), ap::Status::invalid_argument);
        CHECK_THROWS(ap::Status::invalid_argument, producer.produce(topic, nullptr, "v"));
        CHECK_SETS(ap::Status::invalid_argument, producer.produce(topic, nullptr, "v", code));
    }
    const std::string overlong(250, 'x');
    refused(ap::Message(overlong), ap::Status::invalid_argument);
    CHECK_THROWS(ap::Status::invalid_argument, producer.produce(overlong, nullptr, "v"));
    CHECK_SETS(ap::Status::invalid_argument, producer.produce("t", {nullptr, 1}, "v", code));
    CHECK_SETS(ap::Status::invalid_argument, producer.produce("t", "k", {nullptr, 1}, code));
    refused(ap::Message("t").partition(-2), ap::Status::invalid_argument);
    refused(ap::Message("t").timestamp(std::chrono::system_clock::time_point(-1ms)), ap::Status::invalid_argument);
    refused(ap::Message("t").header("a\0b"sv, "v"), ap::Status::invalid_argument);
    const std::string large(2000000, 'x');
    refused(ap::Message("t").value(large), ap::Status::message_too_large);
    CHECK_THROWS(ap::Status::message_too_large, producer.produce("t", nullptr, large));
    CHECK_SETS(ap::Status::message_too_large, producer.produce("t", nullptr, large, code));
    ap_message_t message = AP_MESSAGE_INIT;
    CHECK_THROWS(ap::Status::invalid_argument, producer.produce(message));
    CHECK_SETS(ap::Status::invalid_argument, producer.produce(message, code));
    CHECK_EQ(producer.stats().accepted, 0u);
}

/// The partition key chooses as the key would.
void the_partition_key_chooses() {
    Recorder recorder;
    ap::Producer producer(mock().on_event(ap::EventType::delivered, recorder.handler()));
    for (int i = 0; i < 20; i++) {
        const std::string name = "key " + std::to_string(i);
        producer.produce(ap::Message("t").key(name).value("by key").tag(static_cast<std::uint64_t>(i)));
        producer.produce(ap::Message("t").key("other").partition_key(name).tag(static_cast<std::uint64_t>(i)));
    }
    producer.flush(patience);
    std::vector<std::optional<std::int32_t>> partitions(20);
    std::size_t chosen = 0;
    for (const Record &record : recorder.wait(40)) {
        auto &partition = partitions.at(record.tag);
        if (!partition) partition = record.partition;
        CHECK_EQ(partition, record.partition);
        if (partition != partitions.at(0)) chosen++;
    }
    CHECK(chosen > 0); // not all on one
}

} // namespace

int main() {
    watchdog();
    RUN(null_is_not_empty);
    RUN(all_kinds_of_bytes);
    RUN(keys_too);
    RUN(topics_are_views);
    RUN(everything_comes_back);
    RUN(the_bare_minimum);
    RUN(messages_can_be_kept);
    RUN(messages_of_c_are_taken);
    RUN(wrong_messages_are_refused);
    RUN(the_partition_key_chooses);
    return 0;
}
