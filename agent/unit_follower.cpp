#include "agent/unit_follower.h"

#include "common/log.h"

#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace portoser::agent {

UnitFollower::UnitFollower(asio::any_io_executor executor,
                           systemd::Client& client,
                           services::ServiceBoard& board,
                           collect::Sampler& sampler,
                           TaskGroup& tasks,
                           std::function<asio::awaitable<void>()> on_first_answer)
    : client_(client),
      board_(board),
      sampler_(sampler),
      tasks_(tasks),
      on_first_answer_(std::move(on_first_answer)),
      watch_(board),
      stream_(executor,
              client.socket_path(),
              {.on_look =
                   [this](std::vector<systemd::Unit> units) {
                     watch_.look(std::move(units));
                     tell_sampler();
                   },
               .on_change =
                   [this](const systemd::Unit& unit) {
                     watch_.change(unit);
                     tell_sampler();
                   }}),
      wanted_(executor, asio::steady_timer::time_point::max()) {}

asio::awaitable<void> UnitFollower::run() {
  constexpr std::chrono::milliseconds first_retry{250};
  constexpr std::chrono::milliseconds longest_retry{5000};
  auto retry = first_retry;
  for (;;) {
    while (stream_.watched().empty()) {
      boost::system::error_code changed;
      co_await wanted_.async_wait(asio::redirect_error(asio::use_awaitable, changed));
    }
    std::string reason;
    const auto began = std::chrono::steady_clock::now();
    try {
      co_await follow_once();
    } catch (const Error& error) {
      reason = error.message();
    }
    if (std::chrono::steady_clock::now() - began > longest_retry) retry = first_retry;
    if (std::exchange(problem_, reason) != reason) {
      log::warn("agent", "systemd does not answer", {{"reason", reason}});
    }
    lose(reason);
    co_await pause(retry);
    retry = std::min(retry * 2, longest_retry);
  }
}

asio::awaitable<void> UnitFollower::follow_once() {
  const auto version = co_await client_.version();
  log::info("agent", "systemd answers", {{"version", version}});
  problem_.clear();
  if (on_first_answer_) {
    auto first = std::exchange(on_first_answer_, nullptr)();
    co_await std::move(first);
  }
  co_await stream_.follow();
}

void UnitFollower::watch() {
  stream_.watch(board_.units());
  wanted_.cancel();
}

void UnitFollower::lose(const std::string& reason) {
  ++connection_;
  watch_.lost(reason);
  tell_sampler();
}

void UnitFollower::ask() {
  tasks_.spawn("ask systemd", ask_until_answered());
}

asio::awaitable<void> UnitFollower::ask_until_answered() {
  constexpr std::chrono::milliseconds retry{100};
  for (const auto connection = connection_; connection == connection_;) {
    try {
      const bool is_stopping = co_await client_.is_stopping();
      if (connection != connection_) co_return;
      if (is_stopping) {
        lose("the host is shutting down");
      } else {
        board_.engine_answered();
      }
      co_return;
    } catch (const Error&) {
      // It may be on its way down: then the stream ends and says so.
    }
    co_await pause(retry);
  }
}

void UnitFollower::tell_sampler() {
  std::vector<collect::UnitHandle> handles;
  for (const auto& [name, unit] : watch_.units()) {
    if (!unit.is_up()) continue;
    collect::UnitHandle handle;
    handle.name = name;
    handle.cgroup = unit.control_group;
    handle.invocation = unit.invocation;
    handles.push_back(std::move(handle));
  }
  sampler_.set_units(handles);
}

}  // namespace portoser::agent
