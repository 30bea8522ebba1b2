// What deliver.c does, with the C++ header.
#include <async_producer.hpp>

#include <chrono>
#include <cstdio>

int main() {
    try {
        async_producer::Config config{{"test.mock.num.brokers", "1"}};
        async_producer::Producer producer(config);
        producer.produce("greetings", "en", "hello");
        producer.shutdown(std::chrono::minutes(1));
        if (producer.stats().delivered != 1) return 1;
    } catch (const async_producer::Error &error) {
        std::fprintf(stderr, "deliver: %s\n", error.what());
        return 1;
    }
    std::printf("delivered by async_producer %s, C++ %ld\n", ap_version_string(), static_cast<long>(__cplusplus));
}
