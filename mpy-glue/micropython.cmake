# How CMake-based MicroPython ports pick up `_ssh`:
#   make -C ports/rp2 USER_C_MODULES=<this repository>/mpy-glue/micropython.cmake
# The Rust core is built by the same build, for the target that the C compiler and its flags say.
# Where these do not say it, set SSH_RUST_TARGET in the environment.

add_library(usermod_ssh INTERFACE)

file(GLOB SSH_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
target_sources(usermod_ssh INTERFACE ${SSH_SOURCES})
target_include_directories(usermod_ssh INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}
    ${CMAKE_CURRENT_LIST_DIR}/../rust-ssh/ffi/include
)

# cargo decides what is out of date, so it is asked on every build; the object's time changes only when its
# contents do.
find_program(SSH_PYTHON NAMES python3 python REQUIRED)
set(SSH_CORE_O ${CMAKE_BINARY_DIR}/ssh/ssh_core.o)
add_custom_target(ssh_core
    COMMAND ${SSH_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/build_core.py
        --cc "${CMAKE_C_COMPILER}" "--flags=${CMAKE_C_FLAGS}" -o ${SSH_CORE_O}
    BYPRODUCTS ${SSH_CORE_O}
    COMMENT "Building the SSH core"
    VERBATIM
)
add_dependencies(usermod_ssh ssh_core)
target_link_libraries(usermod_ssh INTERFACE ${SSH_CORE_O})

target_link_libraries(usermod INTERFACE usermod_ssh)
