#include "controller/fleet/dispatch.h"

#include <boost/asio/redirect_error.hpp>

namespace portoser::fleet {

asio::awaitable<protocol::CommandResult> Dispatch::run(std::string host,
                                                       protocol::Command command,
                                                       std::chrono::milliseconds grace,
                                                       OnOutput on_output) {
  auto entry = std::make_shared<Waiting>();
  entry->host = host;
  entry->command = command;
  entry->on_output = std::move(on_output);
  entry->wake = std::make_unique<asio::steady_timer>(
      co_await asio::this_coro::executor, std::chrono::milliseconds{command.duration_ms} + grace);
  waiting_[command.id] = entry;
  send_(host, command);

  boost::system::error_code outcome;
  co_await entry->wake->async_wait(asio::redirect_error(asio::use_awaitable, outcome));
  waiting_.erase(command.id);
  if (entry->result) {
    co_return std::move(*entry->result);
  }
  if (outcome) {
    throw boost::system::system_error{outcome};  // cancelled: we are stopping
  }
  throw Error{Code::unavailable,
              "the agent of \"" + host + "\" has not said how the action ended", "machine"}
      .reason("AGENT_LOST")
      .hint("the action may still be running there; its outcome is recorded when the host is back");
}

void Dispatch::progress(const protocol::Progress& progress) {
  const auto found = waiting_.find(progress.command_id);
  if (found == waiting_.end()) {
    return;
  }
  auto& entry = *found->second;
  std::vector<OutputLine> fresh;
  for (std::size_t i = 0; i < progress.lines.size(); ++i) {
    const auto number = progress.first_line + static_cast<std::int64_t>(i);
    if (number >= entry.next_line) {
      fresh.push_back({progress.step, progress.lines[i]});
      entry.next_line = number + 1;
    }
  }
  if (!fresh.empty()) {
    entry.on_output(std::move(fresh));
  }
}

bool Dispatch::result(const protocol::CommandResult& result) {
  const auto found = waiting_.find(result.command_id);
  if (found == waiting_.end()) {
    return false;
  }
  found->second->result = result;
  found->second->wake->cancel();
  return true;
}

void Dispatch::repeat(const std::string& host) {
  for (const auto& [id, entry] : waiting_) {
    if (entry->host == host && !entry->result) {
      send_(host, entry->command);
    }
  }
}

}  // namespace portoser::fleet
