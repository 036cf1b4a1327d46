/// Writes results into the journal, and keeps those that its disk has no room for until it has: a
/// repeat of a command gets the first result, whatever the disk. Lives on the agent's Asio thread.
#pragma once

#include "agent/actions/journal.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <deque>
#include <optional>
#include <string>

namespace portoser::agent::actions {

class ResultKeeper {
 public:
  /// All references outlive it.
  ResultKeeper(const Journal& journal, asio::thread_pool& pool, TaskGroup& tasks)
      : journal_(journal), pool_(pool), tasks_(tasks) {}

  /// Of what could not be journaled at all, too. Of those that wait, the newest hundred are kept.
  asio::awaitable<void> keep(protocol::CommandResult result);
  /// One that waits; the others are in the journal.
  [[nodiscard]] std::optional<protocol::CommandResult> waiting(const std::string& id) const;

 private:
  asio::awaitable<void> keep_later();
  asio::awaitable<std::string> try_to_keep(protocol::CommandResult result);

  const Journal& journal_;
  asio::thread_pool& pool_;
  TaskGroup& tasks_;
  std::deque<protocol::CommandResult> waiting_;
  bool keeping_later_ = false;
};

}  // namespace portoser::agent::actions
