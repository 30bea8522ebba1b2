// What two translation units of one program share, each with the whole of async_producer.hpp.
#pragma once

#include <async_producer.hpp>
#include <async_producer.hpp> // twice in one is fine

async_producer::Producer make_elsewhere(const async_producer::Config &config);
const std::error_category &category_elsewhere();
std::size_t poll_elsewhere(async_producer::Producer &producer, int &number);
