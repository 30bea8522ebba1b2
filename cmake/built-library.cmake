# The library as cargo has built it, as the target async_producer: for the tests and the examples, which are CMake projects
# of their own. A program that uses an installed library says find_package(AsyncProducer) instead.
#
# AP_LIBRARY_DIR and AP_INCLUDE_DIR say where another build is.
get_filename_component(ap_root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(AP_LIBRARY_DIR "${ap_root}/target/release" CACHE PATH "The directory with libasync_producer.so")
set(AP_INCLUDE_DIR "${ap_root}/include" CACHE PATH "The directory with the headers")
get_filename_component(AP_LIBRARY_DIR "${AP_LIBRARY_DIR}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
get_filename_component(AP_INCLUDE_DIR "${AP_INCLUDE_DIR}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
if(NOT EXISTS "${AP_LIBRARY_DIR}/libasync_producer.so")
  message(FATAL_ERROR "There is no libasync_producer.so in ${AP_LIBRARY_DIR}: build it, or set AP_LIBRARY_DIR")
endif()

# cargo names the file libasync_producer.so, a program looks for its SONAME: give it a directory that has that name.
set(AP_SONAME libasync_producer.so.0)
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
file(CREATE_LINK "${AP_LIBRARY_DIR}/libasync_producer.so" "${CMAKE_BINARY_DIR}/lib/${AP_SONAME}" SYMBOLIC)
add_library(async_producer SHARED IMPORTED)
set_target_properties(async_producer PROPERTIES
  IMPORTED_LOCATION "${CMAKE_BINARY_DIR}/lib/${AP_SONAME}"
  IMPORTED_SONAME "${AP_SONAME}"
  INTERFACE_INCLUDE_DIRECTORIES "${AP_INCLUDE_DIR}")
