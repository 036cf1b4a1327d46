#include "controller/fleet/dispatch.h"

#include <boost/asio/redirect_error.hpp>

#include <algorithm>

namespace portoser::fleet {

asio::awaitable<protocol::CommandResult> Dispatch::run(std::string host,
                                                       protocol::Command command,
                                                       std::chrono::milliseconds grace,
                                                       OnOutput on_output,
                                                       bool cancelled) {
  auto entry = std::make_shared<Waiting>();
  entry->host = host;
  entry->command = command;
  entry->ends = std::chrono::steady_clock::now() + std::chrono::milliseconds{command.duration_ms};
  entry->on_output = std::move(on_output);
  entry->wake =
      std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor, entry->ends + grace);
  waiting_[command.id] = entry;
  send_(host, command);
  if (cancelled) cancel(command.id);

  boost::system::error_code outcome;
  co_await entry->wake->async_wait(asio::redirect_error(asio::use_awaitable, outcome));
  waiting_.erase(command.id);
  if (entry->result) {
    co_return std::move(*entry->result);
  }
  if (entry->abandoned) {
    throw Error{*entry->abandoned};
  }
  if (outcome) {
    throw boost::system::system_error{outcome};  // cancelled: we are stopping
  }
  // It may wait in a connection that is alive, for an agent that hangs: this comes right behind it.
  protocol::Cancel withdrawal;
  withdrawal.id = command.id;
  withdrawal.unless_begun = true;
  send_cancel_(host, withdrawal);
  throw Error{Code::unavailable,
              "the agent of \"" + host + "\" has not said how the action ended",
              "machine"}
      .reason("AGENT_LOST")
      .hint("the action may still be running there; its outcome is recorded when the host is back");
}

void Dispatch::cancel(const std::string& command_id) {
  const auto found = waiting_.find(command_id);
  if (found == waiting_.end()) return;
  found->second->cancelled = true;
  send_cancel_(found->second->host, {command_id, false});
}

void Dispatch::progress(const std::string& host, const protocol::Progress& progress) {
  const auto found = waiting_.find(progress.command_id);
  if (found == waiting_.end() || found->second->host != host) {
    return;
  }
  auto& entry = *found->second;
  auto news = progress;
  news.lines.clear();
  for (std::size_t i = 0; i < progress.lines.size(); ++i) {
    const auto number = progress.first_line + static_cast<std::int64_t>(i);
    if (number >= entry.next_line) {
      news.lines.push_back(progress.lines[i]);
      entry.next_line = number + 1;
    }
  }
  const bool step_begins = progress.lines.empty() && progress.first_line >= entry.next_line;
  if (!news.lines.empty() || step_begins) {
    entry.on_output(news);
  }
}

bool Dispatch::result(const std::string& host, const protocol::CommandResult& result) {
  const auto found = waiting_.find(result.command_id);
  if (found == waiting_.end() || found->second->host != host) {
    return false;
  }
  found->second->result = result;
  found->second->wake->cancel();
  return true;
}

void Dispatch::abandon(const std::string& host, const Error& why) {
  for (const auto& [id, entry] : waiting_) {
    if (entry->host != host || entry->result) continue;
    entry->abandoned = why;
    entry->wake->cancel();
  }
}

void Dispatch::repeat(const std::string& host) {
  for (const auto& [id, entry] : waiting_) {
    if (entry->host != host || entry->result || entry->abandoned) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        entry->ends - std::chrono::steady_clock::now());
    // What was cancelled meanwhile, or would be late, must not begin now.
    entry->command.adopt_only = entry->command.adopt_only || entry->cancelled || left.count() <= 0;
    entry->command.duration_ms = std::max<std::int64_t>(left.count(), 1);
    send_(host, entry->command);
    if (entry->cancelled) send_cancel_(host, {id, false});
  }
}

}  // namespace portoser::fleet
