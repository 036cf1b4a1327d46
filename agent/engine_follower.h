/// Keeps the agent's picture of the engine true: asks what the engine remembers of the time before,
/// follows its events, looks at everything when the stream begins, inspects what an event does not
/// tell, and comes back when the engine does. On the agent's Asio thread.
#pragma once

#include "agent/collect/sampler.h"
#include "agent/engine/client.h"
#include "agent/services/board.h"
#include "common/tasks.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace portoser::agent {

class EngineFollower {
 public:
  /// The references must outlive `run`. `on_first_answer` is called once, when the engine is there
  /// for the first time. An engine whose stream stands is asked every `patience`, and given up when
  /// it leaves three such questions in a row without an answer for so long: a frozen one says
  /// nothing and does not hang up either.
  EngineFollower(engine::Client& client,
                 services::ServiceBoard& board,
                 collect::Sampler& sampler,
                 TaskGroup& tasks,
                 std::chrono::milliseconds patience,
                 std::function<void()> on_first_answer)
      : client_(client),
        board_(board),
        sampler_(sampler),
        tasks_(tasks),
        patience_(patience),
        on_first_answer_(std::move(on_first_answer)) {}

  /// Until cancelled.
  asio::awaitable<void> run();

  /// The board wants to know whether the engine goes on answering: asks until it does, or until its
  /// event stream ends.
  void ask();

  /// The board has missed events: looks at all containers a moment later, once for many of them.
  void look_again();

  /// Empty until the engine answered.
  [[nodiscard]] const std::string& version() const { return version_; }

 private:
  asio::awaitable<void> follow_once();
  asio::awaitable<std::vector<engine::ContainerEvent>> remembered(std::int64_t since_ns);
  asio::awaitable<void> look();
  asio::awaitable<void> look_soon();
  asio::awaitable<void> inspect(std::string id);
  asio::awaitable<void> ask_until_answered();
  asio::awaitable<Error> silence();
  void take(const engine::ContainerEvent& event);
  void remember(const engine::Container& container);
  void tell_sampler();

  engine::Client& client_;
  services::ServiceBoard& board_;
  collect::Sampler& sampler_;
  TaskGroup& tasks_;
  const std::chrono::milliseconds patience_;
  std::function<void()> on_first_answer_;
  std::string version_;
  bool following_ = false;
  bool look_is_due_ = false;
  std::uint64_t events_ = 0;         ///< that came on streams
  std::string problem_;              ///< that was logged; empty: the engine answers
  int connection_ = 0;               ///< which one: an answer of an earlier one is worth nothing
  int looks_ = 0;                    ///< under way
  std::set<std::string> destroyed_;  ///< containers that ended while a list of them was on its way
  std::map<std::string, std::int64_t> pids_;  ///< of running containers, by id
};

}  // namespace portoser::agent
