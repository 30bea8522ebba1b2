# The targets of a program that builds the library itself: those of the installed package, on what build.cmake makes.

# What programs need beside the static library; the shared one knows it itself.
set(async_producer_system_libraries -lpthread -ldl -lm -lrt)

set(targets "${CMAKE_CURRENT_BINARY_DIR}/AsyncProducerTargets.cmake")
configure_file(AsyncProducerTargets.cmake.in "${targets}" @ONLY)

set(_async_producer_kinds shared)
if(ASYNC_PRODUCER_STATIC)
    list(APPEND _async_producer_kinds static)
endif()
set(_async_producer_scope GLOBAL)
set(_async_producer_library_dir "${library_dir}")
set(_async_producer_include_dir "${async_producer_root}/include")
include("${targets}")
foreach(kind IN LISTS _async_producer_kinds)
    add_dependencies(AsyncProducer::${kind} async_producer_${kind})
endforeach()
