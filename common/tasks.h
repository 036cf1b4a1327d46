/// Coroutines started, waited for, ended: the only way in which work begins in the background.
#pragma once

#include "common/error.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace portoser {

namespace asio = boost::asio;

/// Tasks with a name that run on one executor, are cancelled together and waited for together. A
/// task that fails is logged with its name; the others go on. May be used from any thread; the
/// executor must be a strand (or a context that one thread runs).
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// After `stop` the work is dropped unstarted.
  void spawn(std::string name, asio::awaitable<void> work);
  /// Cancels every task. Returns at once.
  void stop();
  /// Ends when no task is left.
  asio::awaitable<void> join();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Ends after `duration`; throws `boost::system::system_error` (operation_aborted) when the task is
/// cancelled meanwhile.
asio::awaitable<void> pause(std::chrono::steady_clock::duration duration);

/// True for the exception that a cancelled wait throws.
bool is_cancellation(const std::exception_ptr& failure);

namespace detail {

/// A struct, since `||` takes a variant apart.
template <class T>
struct Outcome {
  std::exception_ptr failure;
  std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
};

/// `||` waits for the first *success*, so a failure has to become a value.
template <class T>
asio::awaitable<Outcome<T>> as_outcome(asio::awaitable<T> work) {
  Outcome<T> outcome;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(work);
    } else {
      outcome.value.emplace(co_await std::move(work));
    }
  } catch (...) {
    outcome.failure = std::current_exception();
  }
  co_return outcome;
}

asio::awaitable<Error> too_long_after(std::chrono::steady_clock::duration limit, std::string what);

/// `use_awaitable` without the caller's cancellation.
inline auto uncancellable() {
  return asio::bind_cancellation_slot(asio::cancellation_slot{}, asio::use_awaitable);
}

template <class Function>
asio::awaitable<std::invoke_result_t<Function>> as_awaitable(Function function) {
  co_return function();
}

}  // namespace detail

/// Both, side by side; the first one's error when it failed, else the second one's.
template <class First, class Second>
asio::awaitable<std::pair<First, Second>> both_of(asio::awaitable<First> first,
                                                  asio::awaitable<Second> second) {
  using namespace asio::experimental::awaitable_operators;
  auto one = detail::as_outcome<First>(std::move(first));
  auto other = detail::as_outcome<Second>(std::move(second));
  auto ended = co_await (std::move(one) && std::move(other));
  auto& first_outcome = std::get<0>(ended);
  auto& second_outcome = std::get<1>(ended);
  if (first_outcome.failure) std::rethrow_exception(first_outcome.failure);
  if (second_outcome.failure) std::rethrow_exception(second_outcome.failure);
  co_return std::pair<First, Second>{std::move(*first_outcome.value),
                                     std::move(*second_outcome.value)};
}

/// The result of `work`, or the error with which `guard` ended before it; then the work is
/// cancelled.
template <class T>
asio::awaitable<T> guarded_by(asio::awaitable<Error> guard, asio::awaitable<T> work) {
  using namespace asio::experimental::awaitable_operators;
  auto watched = detail::as_outcome<T>(std::move(work));
  auto watcher = detail::as_outcome<Error>(std::move(guard));
  auto first = co_await (std::move(watched) || std::move(watcher));
  if (first.index() == 1) {
    auto& ended = std::get<1>(first);
    if (ended.failure) std::rethrow_exception(ended.failure);
    throw Error{std::move(*ended.value)};
  }
  auto& outcome = std::get<0>(first);
  if (outcome.failure) {
    std::rethrow_exception(outcome.failure);
  }
  if constexpr (!std::is_void_v<T>) {
    co_return std::move(*outcome.value);
  }
}

/// The result of `work`, or `Error{deadline}` that names `what` when it is not there in time; then
/// the work is cancelled.
template <class T>
asio::awaitable<T> with_deadline(asio::awaitable<T> work,
                                 std::chrono::steady_clock::duration limit,
                                 std::string what) {
  return guarded_by(detail::too_long_after(limit, std::move(what)), std::move(work));
}

/// Runs a blocking call on a pool thread and resumes on the caller's executor. A cancellation waits
/// for its end: it may not reach into a coroutine that another thread runs.
template <class Function>
asio::awaitable<std::invoke_result_t<Function>> on_pool(asio::thread_pool& pool,
                                                        Function function) {
  auto call = detail::as_awaitable(std::move(function));
  co_return co_await asio::co_spawn(pool.get_executor(), std::move(call), detail::uncancellable());
}

/// Runs `work` on another executor (a room's strand) and resumes on the caller's. Not cancelled
/// with the caller, for the same reason.
template <class T>
asio::awaitable<T> on_executor(asio::any_io_executor executor, asio::awaitable<T> work) {
  co_return co_await asio::co_spawn(std::move(executor), std::move(work), detail::uncancellable());
}

}  // namespace portoser
