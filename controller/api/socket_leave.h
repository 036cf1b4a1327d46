/// What a socket's handler registers is taken away again, however the handler ends.
#pragma once

#include "common/tasks.h"

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <utility>

namespace portoser::api {

/// Null: it ended well. Of two that run side by side the first that ends may be one that failed.
inline asio::awaitable<std::exception_ptr> failure_of(asio::awaitable<void> work) {
  std::exception_ptr failure;
  try {
    co_await std::move(work);
  } catch (...) {
    failure = std::current_exception();
  }
  co_return failure;
}

/// Runs `work`, and `leave` behind it, also when it throws. No destructor does that: a handler that
/// still waits when the server has stopped is destroyed after the rooms, which it must not touch.
template <class Leave>
asio::awaitable<void> leaving_after(asio::awaitable<void> work, Leave leave) {
  auto ending = failure_of(std::move(work));
  const auto failure = co_await std::move(ending);
  leave();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace portoser::api
