/// A database in a folder of its own, and the loop on which the tests' coroutines run.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/storage/device_store.h"
#include "controller/storage/event_store.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <utility>

namespace portoser::storage {

class StorageTest : public ::testing::Test {
 protected:
  StorageTest();
  ~StorageTest() override;

  std::filesystem::path path() const { return folder_ / "portoser.db"; }
  Database& open(DatabaseOptions options = {}) {
    return database_.emplace(path(), clock_, options);
  }
  void close() { database_.reset(); }

  /// Starts a coroutine; it runs up to its first wait at the next `poll` or `finish`.
  template <class T>
  std::future<T> start(asio::awaitable<T> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future);
  }
  template <class T>
  std::future<T> start(asio::awaitable<T> work, asio::cancellation_signal& stop) {
    return asio::co_spawn(
        io_, std::move(work), asio::bind_cancellation_slot(stop.slot(), asio::use_future));
  }
  /// Runs what can run now.
  void poll() {
    io_.restart();
    io_.poll();
  }
  /// Runs the loop until this one has ended; others may go on waiting.
  template <class T>
  T finish(std::future<T> result) {
    io_.restart();
    while (result.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
      io_.run_one();
    }
    return result.get();
  }
  template <class T>
  T run(asio::awaitable<T> work) {
    return finish(start(std::move(work)));
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  asio::io_context io_;
  std::optional<Database> database_;
};

/// The `Error` that `work` throws.
template <class Function>
Error error_of(Function work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error{Code::internal, "nothing was thrown"};
}

/// Work for the writer that stops inside its transaction until the test lets it go on.
class Gate {
 public:
  void pass() {
    entered_.set_value();
    opened_.get_future().wait();
  }
  void wait_until_entered() { entered_.get_future().wait(); }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> entered_;
  std::promise<void> opened_;
};

/// A device named "host-<number>" with a key of its own.
DeviceRecord device(int number);
/// A failure of the service "web" on "host-1", told by that device.
EventRecord event(std::int64_t sequence);

}  // namespace portoser::storage
