# Removes the files that the last installation from a build directory wrote ($manifest), DESTDIR before each, and those
# directories that belong to the library alone.

if(NOT EXISTS "${manifest}")
    message(FATAL_ERROR "async_producer: nothing was installed from here, there is no ${manifest}")
endif()
file(STRINGS "${manifest}" files)
set(directories "")
foreach(file IN LISTS files)
    message(STATUS "Removing $ENV{DESTDIR}${file}")
    file(REMOVE "$ENV{DESTDIR}${file}")
    get_filename_component(directory "${file}" DIRECTORY)
    while(directory MATCHES "/(AsyncProducer|async_producer)(/|$)")
        list(APPEND directories "$ENV{DESTDIR}${directory}")
        get_filename_component(directory "${directory}" DIRECTORY)
    endwhile()
endforeach()

if(directories)
    list(REMOVE_DUPLICATES directories)
    list(SORT directories ORDER DESCENDING) # What is inside comes first.
    execute_process(COMMAND rmdir ${directories} ERROR_QUIET) # It leaves those that are not empty.
endif()
