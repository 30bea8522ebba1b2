# Makes lib/ in the build directory what is to be linked to and installed: the shared library under its three names, and
# the static one with no other global symbols than ap_*.

find_program(ASYNC_PRODUCER_PERL perl DOC "perl")
if(NOT ASYNC_PRODUCER_PERL)
    message(FATAL_ERROR "async_producer: perl was not found; install it, or set ASYNC_PRODUCER_PERL")
endif()

# What cargo makes, in the directory $built.
if(ASYNC_PRODUCER_LIBRARY_DIR)
    get_filename_component(built "${ASYNC_PRODUCER_LIBRARY_DIR}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
    if(NOT EXISTS "${built}/libasync_producer.so")
        message(FATAL_ERROR "async_producer: there is no libasync_producer.so in ASYNC_PRODUCER_LIBRARY_DIR, ${built}")
    endif()
    add_custom_target(async_producer_cargo)
else()
    find_program(ASYNC_PRODUCER_CARGO NAMES "$ENV{CARGO}" cargo HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin"
        DOC "cargo")
    if(NOT ASYNC_PRODUCER_CARGO)
        message(FATAL_ERROR "async_producer: cargo was not found; install Rust, or set ASYNC_PRODUCER_CARGO")
    endif()
    set(cargo_target "${CMAKE_CURRENT_BINARY_DIR}/target")
    if(DEFINED ENV{CARGO_TARGET_DIR})
        set(cargo_target "$ENV{CARGO_TARGET_DIR}")
    endif()
    set(ASYNC_PRODUCER_CARGO_TARGET_DIR "${cargo_target}" CACHE PATH "Where cargo builds")
    get_filename_component(cargo_target "${ASYNC_PRODUCER_CARGO_TARGET_DIR}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
    set(built "${cargo_target}/release")
    set(flags "")
    if(features)
        list(JOIN features "," flags)
        set(flags --no-default-features --features "${flags}")
    endif()
    # Always run: cargo knows what is out of date, and leaves its output alone where nothing is.
    add_custom_target(async_producer_cargo
        COMMAND "${CMAKE_COMMAND}" -E env --unset=CARGO_BUILD_TARGET "CARGO_TARGET_DIR=${cargo_target}"
            "${ASYNC_PRODUCER_CARGO}" build --release --locked ${flags}
        BYPRODUCTS "${built}/libasync_producer.so" "${built}/libasync_producer.a"
        WORKING_DIRECTORY "${async_producer_root}"
        COMMENT "async_producer: cargo build"
        USES_TERMINAL VERBATIM)
endif()

set(library_dir "${CMAKE_CURRENT_BINARY_DIR}/lib")
set(soname "libasync_producer.so.${async_producer_soversion}")
set(shared "${library_dir}/libasync_producer.so.${PROJECT_VERSION}")
set(static "${library_dir}/libasync_producer.a")
file(MAKE_DIRECTORY "${library_dir}")
file(CREATE_LINK "libasync_producer.so.${PROJECT_VERSION}" "${library_dir}/${soname}" SYMBOLIC)
file(CREATE_LINK "${soname}" "${library_dir}/libasync_producer.so" SYMBOLIC)

# Each is made under another name first: what fails half-way leaves nothing that looks finished.
set(forget_paths "${CMAKE_CURRENT_LIST_DIR}/forget-paths.pl")
set(localise "${CMAKE_CURRENT_LIST_DIR}/localise.sh")

set(copy "${CMAKE_COMMAND}" -E copy "${built}/libasync_producer.so" "${shared}.new")
if(ASYNC_PRODUCER_STRIP)
    set(copy "${CMAKE_STRIP}" --strip-unneeded "${built}/libasync_producer.so" -o "${shared}.new")
endif()
add_custom_command(OUTPUT "${shared}"
    COMMAND ${copy}
    COMMAND "${ASYNC_PRODUCER_PERL}" "${forget_paths}" "${built}" "${shared}.new" "${shared}"
    DEPENDS "${built}/libasync_producer.so" "${forget_paths}"
    COMMENT "async_producer: shared library"
    VERBATIM)
add_custom_target(async_producer_shared ${all} DEPENDS "${shared}")
add_dependencies(async_producer_shared async_producer_cargo)

if(ASYNC_PRODUCER_STATIC)
    add_custom_command(OUTPUT "${static}"
        COMMAND "${CMAKE_COMMAND}" -E env "AR=${CMAKE_AR}" "LD=${CMAKE_LINKER}" "NM=${CMAKE_NM}"
            "OBJCOPY=${CMAKE_OBJCOPY}" sh "${localise}" "${built}/libasync_producer.a" "${static}.new"
        COMMAND "${ASYNC_PRODUCER_PERL}" "${forget_paths}" "${built}" "${static}.new" "${static}"
        DEPENDS "${built}/libasync_producer.a" "${localise}" "${forget_paths}"
        COMMENT "async_producer: static library"
        VERBATIM)
    add_custom_target(async_producer_static ${all} DEPENDS "${static}")
    add_dependencies(async_producer_static async_producer_cargo)
endif()
