/// Keeps the agent's picture of the units of native services true: follows systemd's word of them,
/// and comes back when systemd does. Asks nobody while no native service is assigned. On the
/// agent's Asio thread.
#pragma once

#include "agent/collect/sampler.h"
#include "agent/services/board.h"
#include "agent/services/unit_watch.h"
#include "agent/systemd/client.h"
#include "agent/systemd/stream.h"
#include "common/tasks.h"

#include <chrono>
#include <functional>
#include <string>

namespace portoser::agent {

class UnitFollower {
 public:
  /// The references must outlive `run`. `on_first_answer` is awaited once, before the first look:
  /// what it starts is seen there as what went on.
  UnitFollower(asio::any_io_executor executor,
               systemd::Client& client,
               services::ServiceBoard& board,
               collect::Sampler& sampler,
               TaskGroup& tasks,
               std::function<asio::awaitable<void>()> on_first_answer);

  /// Until cancelled.
  asio::awaitable<void> run();
  /// The board's services are others than before.
  void watch();
  /// The board wants to know whether a unit was stopped, or everything is.
  void ask();

 private:
  asio::awaitable<void> follow_once();
  asio::awaitable<void> ask_until_answered();
  void lose(const std::string& reason);
  void tell_sampler();

  systemd::Client& client_;
  services::ServiceBoard& board_;
  collect::Sampler& sampler_;
  TaskGroup& tasks_;
  std::function<asio::awaitable<void>()> on_first_answer_;
  services::UnitWatch watch_;
  systemd::UnitStream stream_;
  asio::steady_timer wanted_;  ///< cancelled by `watch`
  std::string problem_;        ///< that was logged; empty: systemd answers
  int connection_ = 0;         ///< which one: an answer of an earlier one is worth nothing
};

}  // namespace portoser::agent
