# Every library from outside, found once. Rooms name these targets; see docs/decisions/0001.
set(BOOST_ROOT /usr)
find_package(Boost 1.81 REQUIRED COMPONENTS url filesystem system)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(CURL REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(Snappy REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
find_package(SQLiteCpp REQUIRED)

# Debian's msgpack package wants Boost 1.74 and excludes 1.81, so `packaging/install-dependencies`
# unpacks its headers here. They need no Boost.
set(PORTOSER_MSGPACK_DIR ${PORTOSER_ROOT}/.deps/msgpack/usr/include CACHE PATH
  "Folder that holds msgpack.hpp")
if(NOT EXISTS ${PORTOSER_MSGPACK_DIR}/msgpack.hpp)
  message(FATAL_ERROR "msgpack.hpp is not in ${PORTOSER_MSGPACK_DIR}: run packaging/install-dependencies")
endif()
add_library(portoser_msgpack INTERFACE)
target_include_directories(portoser_msgpack SYSTEM INTERFACE ${PORTOSER_MSGPACK_DIR})
target_compile_definitions(portoser_msgpack INTERFACE MSGPACK_NO_BOOST)

# Boost's headers as every room uses them.
add_library(portoser_boost INTERFACE)
target_link_libraries(portoser_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(portoser_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
