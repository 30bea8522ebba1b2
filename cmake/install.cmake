# What goes where. No installed file names a directory by its absolute path: the installed tree can be moved.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/AsyncProducer")
set(generated_dir "${CMAKE_CURRENT_BINARY_DIR}/package")

# async_producer_path(<variable> <from> <to>): the way between two directories of the installation.
function(async_producer_path variable from to)
    get_filename_component(from "${from}" ABSOLUTE BASE_DIR "${CMAKE_INSTALL_PREFIX}")
    get_filename_component(to "${to}" ABSOLUTE BASE_DIR "${CMAKE_INSTALL_PREFIX}")
    file(RELATIVE_PATH path "${from}" "${to}")
    string(REGEX REPLACE "/$" "" path "${path}")
    set(${variable} "${path}" PARENT_SCOPE)
endfunction()

async_producer_path(prefix_from_pc "${pc_dir}" "${CMAKE_INSTALL_PREFIX}")
async_producer_path(include_from_pc "${pc_dir}" "${CMAKE_INSTALL_INCLUDEDIR}")
async_producer_path(include_from_package "${package_dir}" "${CMAKE_INSTALL_INCLUDEDIR}")
async_producer_path(library_from_package "${package_dir}" "${CMAKE_INSTALL_LIBDIR}")

set(libs_private "")
if(ASYNC_PRODUCER_STATIC)
    list(JOIN async_producer_system_libraries " " libs_private)
endif()
configure_file(async_producer.pc.in "${generated_dir}/async_producer.pc" @ONLY)
configure_file(AsyncProducerConfig.cmake.in "${generated_dir}/AsyncProducerConfig.cmake" @ONLY)

# What was built for one version works with every later one of the same major number: docs/abi.md.
write_basic_package_version_file("${generated_dir}/AsyncProducerConfigVersion.cmake" COMPATIBILITY SameMajorVersion)

install(PROGRAMS "${shared}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
install(FILES "${library_dir}/${soname}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)

install(FILES "${library_dir}/libasync_producer.so" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
if(ASYNC_PRODUCER_STATIC)
    install(FILES "${static}" DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
endif()
install(FILES "${async_producer_root}/include/async_producer.h" "${async_producer_root}/include/async_producer.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(FILES "${generated_dir}/async_producer.pc" DESTINATION "${pc_dir}" COMPONENT development)
install(FILES "${targets}" "${generated_dir}/AsyncProducerConfig.cmake"
    "${generated_dir}/AsyncProducerConfigVersion.cmake"
    DESTINATION "${package_dir}" COMPONENT development)

file(GLOB licences "${async_producer_root}/LICENSE*")
file(GLOB guides "${async_producer_root}/docs/*.md")
install(FILES "${async_producer_root}/README.md" "${async_producer_root}/CHANGELOG.md" ${licences}
    DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
install(FILES ${guides} DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" COMPONENT development) # As README.md links to them.

# The manual pages are made from the header.
set(man_dir "${CMAKE_CURRENT_BINARY_DIR}/man")
add_custom_command(OUTPUT "${man_dir}/man7/async_producer.7"
    COMMAND "${ASYNC_PRODUCER_PERL}" "${async_producer_root}/scripts/man-pages"
        "${async_producer_root}/include/async_producer.h" "${man_dir}"
    DEPENDS "${async_producer_root}/scripts/man-pages" "${async_producer_root}/include/async_producer.h"
    COMMENT "async_producer: manual pages"
    VERBATIM)
add_custom_target(async_producer_man ALL DEPENDS "${man_dir}/man7/async_producer.7")
install(DIRECTORY "${man_dir}/" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT development)

if(top_level)
    add_custom_target(uninstall COMMAND "${CMAKE_COMMAND}" -D "manifest=${CMAKE_BINARY_DIR}/install_manifest.txt"
        -P "${CMAKE_CURRENT_LIST_DIR}/uninstall.cmake" VERBATIM)
endif()
