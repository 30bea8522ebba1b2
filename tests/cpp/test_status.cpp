// Status as std::error_code: names, sentences, conditions of the standard, and the exception.
#include "check.hpp"

namespace {

void statuses_are_error_codes() {
    const std::error_code error = ap::Status::buffer_overflow;
    CHECK(error);
    CHECK(error == ap::Status::buffer_overflow);
    CHECK(error != ap::Status::shut_down);
    CHECK_EQ(error.value(), AP_ERR_BUFFER_OVERFLOW);
    CHECK_EQ(error.category().name(), std::string("async_producer"));
    CHECK_EQ(error.message(), ap_status_message(AP_ERR_BUFFER_OVERFLOW));
    CHECK(!std::error_code(ap::Status::ok));
    CHECK(&error.category() == &ap::category());
}

void names_are_those_of_c() {
    CHECK_EQ(ap::name(ap::Status::ok), "AP_OK");
    CHECK_EQ(ap::name(ap::Status::unsupported), "AP_ERR_UNSUPPORTED");
    CHECK_EQ(ap::name(static_cast<ap::Status>(-1000)), "AP_ERR_UNKNOWN");
}

void some_are_conditions_of_the_standard() {
    CHECK(std::error_code(ap::Status::invalid_argument) == std::errc::invalid_argument);
    CHECK(std::error_code(ap::Status::buffer_overflow) == std::errc::no_buffer_space);
    CHECK(std::error_code(ap::Status::message_too_large) == std::errc::message_size);
    CHECK(std::error_code(ap::Status::timed_out) == std::errc::timed_out);
    CHECK(std::error_code(ap::Status::would_deadlock) == std::errc::resource_deadlock_would_occur);
    CHECK(std::error_code(ap::Status::no_memory) == std::errc::not_enough_memory);
    CHECK(std::error_code(ap::Status::unsupported) == std::errc::not_supported);
    CHECK(std::error_code(ap::Status::undelivered) != std::errc::timed_out);
    CHECK(std::error_code(ap::Status::shut_down).default_error_condition().category() == ap::category());
}

void the_exception_has_it_all() {
    try {
        no_broker().set("delivery_threshold", "many");
        CHECK(false);
    } catch (const std::system_error &error) { // as the standard's own
        CHECK(error.code() == ap::Status::config);
        CHECK(has(error.what(), "delivery_threshold"));
        CHECK(has(error.what(), "many"));
        CHECK(has(error.what(), ap_status_message(AP_ERR_CONFIG)));
    }
    try {
        ap::Producer().deliver();
        CHECK(false);
    } catch (const ap::Error &error) {
        CHECK_EQ(error.status(), ap::Status::invalid_argument);
        CHECK(has(error.what(), "deliver"));
    }
}

void versions_are_those_of_the_library() {
    CHECK_EQ(ap::version_number(), std::uint32_t{AP_VERSION_NUMBER});
    CHECK(has(ap::version(), AP_VERSION_STRING));
    CHECK(has(ap::version(), "librdkafka"));
}

} // namespace

int main() {
    watchdog();
    RUN(statuses_are_error_codes);
    RUN(names_are_those_of_c);
    RUN(some_are_conditions_of_the_standard);
    RUN(the_exception_has_it_all);
    RUN(versions_are_those_of_the_library);
    return 0;
}
