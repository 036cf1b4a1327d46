#include "agent/actions/result_keeper.h"

#include "common/log.h"

#include <algorithm>
#include <utility>

namespace portoser::agent::actions {
namespace {

constexpr std::size_t most_waiting = 100;
constexpr std::chrono::seconds keep_again{5};

}  // namespace

std::optional<protocol::CommandResult> ResultKeeper::waiting(const std::string& id) const {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& result) {
    return result.command_id == id;
  });
  if (found == waiting_.end()) return std::nullopt;
  return *found;
}

asio::awaitable<void> ResultKeeper::keep(protocol::CommandResult result) {
  auto copy = result;
  const auto failure = co_await try_to_keep(std::move(copy));
  if (failure.empty()) co_return;
  log::error(
      "actions", "result cannot be kept yet", {{"id", result.command_id}, {"reason", failure}});
  waiting_.push_back(std::move(result));
  if (waiting_.size() > most_waiting) waiting_.pop_front();
  if (!std::exchange(keeping_later_, true)) tasks_.spawn("results", keep_later());
}

asio::awaitable<void> ResultKeeper::keep_later() {
  while (!waiting_.empty()) {
    co_await pause(keep_again);
    while (!waiting_.empty()) {
      auto oldest = waiting_.front();
      const auto id = oldest.command_id;
      const auto failure = co_await try_to_keep(std::move(oldest));
      if (!failure.empty()) break;
      std::erase_if(waiting_, [&](const auto& result) { return result.command_id == id; });
    }
  }
  keeping_later_ = false;
}

/// Why not; empty: it is kept.
asio::awaitable<std::string> ResultKeeper::try_to_keep(protocol::CommandResult result) {
  auto write = [this, result = std::move(result)] {
    std::string failure;
    try {
      journal_.finish(result);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    try {
      journal_.prune();
    } catch (const std::exception& error) {
      log::warn("actions", "old commands could not be removed", {{"reason", error.what()}});
    }
    return failure;
  };
  return on_pool(pool_, std::move(write));
}

}  // namespace portoser::agent::actions
