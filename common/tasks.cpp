#include "common/tasks.h"

#include "common/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include <list>
#include <vector>

namespace portoser {

/// Touched on the executor only, so it needs no lock.
struct TaskGroup::State : std::enable_shared_from_this<TaskGroup::State> {
  struct Task {
    std::string name;
    asio::cancellation_signal cancel;
  };

  explicit State(asio::any_io_executor on) : executor(std::move(on)) {}

  void start(const std::string& name, asio::awaitable<void> work) {
    if (stopping) {
      return;
    }
    const auto task = tasks.emplace(tasks.end());
    task->name = name;
    auto done = [self = shared_from_this(), task](const std::exception_ptr& failure) {
      self->ended(task, failure);
    };
    asio::co_spawn(executor,
                   std::move(work),
                   asio::bind_cancellation_slot(task->cancel.slot(), std::move(done)));
  }

  void ended(std::list<Task>::iterator task, const std::exception_ptr& failure) {
    if (failure && !is_cancellation(failure)) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        log::error("tasks", "task failed", {{"task", task->name}, {"reason", error.what()}});
      } catch (...) {
        log::error("tasks", "task failed", {{"task", task->name}});
      }
    }
    tasks.erase(task);
    if (tasks.empty()) {
      for (auto* timer : waiting) {
        timer->cancel();
      }
    }
  }

  asio::any_io_executor executor;
  std::list<Task> tasks;
  std::vector<asio::steady_timer*> waiting;
  bool stopping = false;
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(std::string name, asio::awaitable<void> work) {
  asio::dispatch(state_->executor,
                 [state = state_, name = std::move(name), work = std::move(work)]() mutable {
                   state->start(name, std::move(work));
                 });
}

void TaskGroup::stop() {
  asio::dispatch(state_->executor, [state = state_] {
    state->stopping = true;
    // A cancelled task may end inside `emit` and leave the list: keep the next one's place first.
    for (auto task = state->tasks.begin(); task != state->tasks.end();) {
      const auto current = task++;
      current->cancel.emit(asio::cancellation_type::all);
    }
  });
}

asio::awaitable<void> TaskGroup::join() {
  auto state = state_;
  co_await asio::dispatch(state->executor, asio::use_awaitable);
  while (!state->tasks.empty()) {
    asio::steady_timer timer{state->executor, std::chrono::hours{24}};
    state->waiting.push_back(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    std::erase(state->waiting, &timer);
  }
}

asio::awaitable<void> pause(std::chrono::steady_clock::duration duration) {
  asio::steady_timer timer{co_await asio::this_coro::executor, duration};
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<Error> detail::too_long_after(std::chrono::steady_clock::duration limit,
                                              std::string what) {
  co_await pause(limit);
  co_return Error{Code::deadline, what + " took too long"};
}

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (const asio::multiple_exceptions& both) {
    return is_cancellation(both.first_exception());  // `a || b`, when both were cancelled
  } catch (...) {
    return false;
  }
}

}  // namespace portoser
