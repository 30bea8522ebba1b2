// Config: properties, files, and each mistake as an error code and as an exception.
#include "check.hpp"

#include <cstdio>
#include <fstream>

namespace {

/// A file for the time of a test.
class File {
public:
    explicit File(const std::string &content) {
        char path[] = "/tmp/async_producer_test_XXXXXX";
        const int fd = ::mkstemp(path);
        CHECK(fd >= 0);
        ::close(fd);
        path_ = path;
        std::ofstream(path_) << content;
    }
    ~File() { std::remove(path_.c_str()); }
    File(const File &) = delete;
    File &operator=(const File &) = delete;

    const std::string &path() const { return path_; }

private:
    std::string path_;
};

void properties_are_set_and_read() {
    ap::Config config{{"delivery_threshold", "7"}, {"linger.ms", "3"}};
    config.set("max_queue_size", "11").set("delivery_threshold", "8");
    CHECK_EQ(config.get("delivery_threshold"), "8");
    CHECK_EQ(config.get("linger.ms"), "3");
    CHECK_EQ(config.get("max_queue_size"), "11");
    CHECK_EQ(config.get("event_mode"), "callback");
    config.set("sasl.password", "secret");
    CHECK(!has(config.get("sasl.password"), "secret"));
    std::error_code error;
    config.set("client.rack", "", error);
    CHECK(!error);
    CHECK_EQ(config.get("client.rack", error), "");
    CHECK(!error);
}

/// Views of a longer text: what is behind them is not read.
void views_need_no_nul_at_their_end() {
    const std::string_view text = "delivery_threshold=123";
    ap::Config config;
    config.set(text.substr(0, 18), text.substr(19, 2));
    CHECK_EQ(config.get(text.substr(0, 18)), "12");
}

void mistakes_name_key_and_value() {
    ap::Config config;
    std::string text = "earlier";
    CHECK_SETS(ap::Status::config, config.set("delivery_threshold", "many", code, &text));
    CHECK(has(text, "delivery_threshold") && has(text, "many"));
    CHECK_SETS(ap::Status::ok, config.set("delivery_threshold", "5", code, &text));
    CHECK_EQ(text, "");
    CHECK_SETS(ap::Status::config, config.set("no.such.key", "1", code, &text));
    CHECK(has(text, "no.such.key"));
    CHECK_SETS(ap::Status::unsupported, config.set("transactional.id", "t", code));
    CHECK_THROWS(ap::Status::config, config.set("delivery_threshold", "-1"));
    CHECK_THROWS(ap::Status::config, ap::Config({{"linger.ms", "3"}, {"no.such.key", "1"}}));
    CHECK_THROWS(ap::Status::config, config.get("no.such.key"));
    CHECK_SETS(ap::Status::config, CHECK_EQ(config.get("no.such.key", code), ""));
    CHECK_EQ(config.get("delivery_threshold"), "5");
}

/// C would see the first half.
void a_nul_byte_is_a_mistake() {
    using namespace std::string_view_literals;
    ap::Config config;
    CHECK_THROWS(ap::Status::invalid_argument, config.set("client.id\0x"sv, "c"));
    CHECK_THROWS(ap::Status::invalid_argument, config.set("client.id", "c\0x"sv));
    CHECK_THROWS(ap::Status::invalid_argument, config.get("client.id\0x"sv));
    CHECK_THROWS(ap::Status::invalid_argument, config.load(std::string("/dev/null\0x"sv)));
    CHECK_SETS(ap::Status::invalid_argument, config.set("client.id", "c\0x"sv, code));
    CHECK_EQ(config.get("client.id"), "rdkafka");
}

void files_are_loaded_whole_or_not_at_all() {
    ap::Config config;
    const File good("# a comment\nlinger.ms = 4\n\nmax_queue_size=12\n");
    config.load(good.path());
    CHECK_EQ(config.get("linger.ms"), "4");
    CHECK_EQ(config.get("max_queue_size"), "12");
    const File bad("linger.ms = 5\nmax_queue_size=none\n");
    std::string text;
    CHECK_SETS(ap::Status::config, config.load(bad.path(), code, &text));
    CHECK(has(text, bad.path()) && has(text, "max_queue_size"));
    CHECK_EQ(config.get("linger.ms"), "4");
    CHECK_THROWS(ap::Status::config, config.load("/no/such/file"));
}

void a_wrong_mask_is_refused() {
    ap::Config config;
    const auto wrong = static_cast<ap::EventType>(1u << 31);
    CHECK_THROWS(ap::Status::invalid_argument, config.on_event(wrong, nullptr));
    CHECK_SETS(ap::Status::invalid_argument, config.on_event(wrong, nullptr, nullptr, code));
    CHECK_THROWS(ap::Status::invalid_argument, config.poll_events(wrong));
    CHECK_SETS(ap::Status::invalid_argument, config.poll_events(wrong, code));
}

void a_moved_from_one_is_safe() {
    ap::Config config{{"linger.ms", "6"}};
    ap::Config other(std::move(config));
    CHECK_EQ(other.get("linger.ms"), "6");
    CHECK(config.native_handle() == nullptr);
    CHECK_THROWS(ap::Status::invalid_argument, config.set("linger.ms", "3"));
    CHECK_THROWS(ap::Status::invalid_argument, config.get("linger.ms"));
    CHECK_THROWS(ap::Status::invalid_argument, config.load("/dev/null"));
    CHECK_THROWS(ap::Status::invalid_argument, config.on_event(ap::EventType::log, [](const ap::Event &) {}));
    CHECK_THROWS(ap::Status::invalid_argument, config.poll_events(ap::EventType::log));
    CHECK_THROWS(ap::Status::invalid_argument, ap::Producer{config});
    CHECK_THROWS(ap::Status::invalid_argument, ap::TrackedProducer{std::move(config)});
    config = std::move(other);
    CHECK_EQ(config.get("linger.ms"), "6");
    auto *self = &config;
    config = std::move(*self);
    CHECK_EQ(config.get("linger.ms"), "6");
}

/// Whatever the path, a handler and what it holds goes when nobody can call it any more.
void handlers_are_let_go() {
    const auto token = std::make_shared<int>(1);
    const auto handler = [token](const ap::Event &) {};
    {
        ap::Config config = no_broker();
        config.on_event(ap::EventType::log, handler);
        CHECK_EQ(token.use_count(), 3);
        config.on_event(ap::EventType::log, handler, [token](std::exception_ptr) {}); // replaces it
        CHECK_EQ(token.use_count(), 4);
        ap::Producer producer(config);
        config = ap::Config();
        CHECK_EQ(token.use_count(), 4);
        std::error_code error;
        config.on_event(static_cast<ap::EventType>(1u << 31), handler, nullptr, error);
        CHECK_EQ(token.use_count(), 4);
        producer = ap::Producer();
        CHECK_EQ(token.use_count(), 2);
    }
    CHECK_EQ(token.use_count(), 2);
}

} // namespace

int main() {
    watchdog();
    RUN(properties_are_set_and_read);
    RUN(views_need_no_nul_at_their_end);
    RUN(mistakes_name_key_and_value);
    RUN(a_nul_byte_is_a_mistake);
    RUN(files_are_loaded_whole_or_not_at_all);
    RUN(a_wrong_mask_is_refused);
    RUN(a_moved_from_one_is_safe);
    RUN(handlers_are_let_go);
    return 0;
}
