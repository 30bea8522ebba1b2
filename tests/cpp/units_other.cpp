#include "units.hpp"

namespace ap = async_producer;

ap::Producer make_elsewhere(const ap::Config &config) { return ap::Producer(config); }

const std::error_category &category_elsewhere() { return ap::category(); }

std::size_t poll_elsewhere(ap::Producer &producer, int &number) {
    try {
        return producer.poll(std::chrono::minutes(1), 10);
    } catch (int thrown) {
        number = thrown;
        return 1;
    }
}
