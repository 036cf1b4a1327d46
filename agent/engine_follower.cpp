#include "agent/engine_follower.h"

#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace portoser::agent {

asio::awaitable<void> EngineFollower::run() {
  constexpr std::chrono::milliseconds first_retry{250};
  constexpr std::chrono::milliseconds longest_retry{5000};
  auto retry = first_retry;
  for (;;) {
    std::string reason;
    const auto began = std::chrono::steady_clock::now();
    try {
      co_await follow_once();
      reason = "the engine ended its event stream";
    } catch (const Error& error) {
      reason = error.message();
    }
    following_ = false;
    ++connection_;
    if (std::chrono::steady_clock::now() - began > longest_retry) retry = first_retry;
    // A frozen engine is tried for as long as it is frozen; saying so once is enough.
    if (std::exchange(problem_, reason) != reason) {
      log::warn("agent", "the container engine does not answer", {{"reason", reason}});
    }
    board_.engine_lost(reason);
    pids_.clear();
    tell_sampler();
    co_await pause(retry);
    retry = std::min(retry * 2, longest_retry);
  }
}

asio::awaitable<void> EngineFollower::follow_once() {
  const auto info = co_await client_.version();
  board_.engine_gave_sign();
  version_ = info.version;
  log::info("agent", "the container engine answers", {{"version", info.version}});
  problem_.clear();
  if (on_first_answer_) std::exchange(on_first_answer_, nullptr)();
  const auto since_ns = board_.since_ns();
  if (board_.has_looked()) {
    const auto events = co_await remembered(since_ns);
    board_.replay(events);
  } else {
    const auto events = co_await remembered(1);
    board_.pass_over(events);
  }
  std::function<void()> connected = [this] {
    following_ = true;
    tasks_.spawn("look at containers", look());
  };
  std::function<void(engine::ContainerEvent)> on_event =
      [this](const engine::ContainerEvent& event) { take(event); };
  auto following = client_.follow_events(since_ns, std::move(connected), std::move(on_event));
  co_await guarded_by(silence(), std::move(following));
}

/// Ends when the engine neither answers nor says anything any more.
asio::awaitable<Error> EngineFollower::silence() {
  constexpr int questions = 3;
  // A host that builds or swaps may be slow, and is not frozen.
  constexpr std::chrono::milliseconds least_time{2000};
  const auto limit = std::max(patience_, least_time);
  for (int unanswered = 0; unanswered < questions;) {
    if (unanswered == 0) co_await pause(patience_);
    const auto events = events_;
    try {
      co_await with_deadline(client_.ping(), limit, "the Docker engine's answer");
      board_.engine_gave_sign();
      unanswered = 0;
    } catch (const Error& error) {
      // Who refuses is alive, and who hangs up ends the stream.
      const bool is_silent = error.code() == Code::deadline && events == events_;
      unanswered = is_silent ? unanswered + 1 : 0;
    }
  }
  co_return Error{
      Code::deadline,
      fmt::format("the Docker engine has not answered {} questions in a row", questions)}
      .reason("ENGINE_TIMEOUT");
}

/// An engine that cannot tell its past is followed all the same.
asio::awaitable<std::vector<engine::ContainerEvent>> EngineFollower::remembered(
    std::int64_t since_ns) {
  std::vector<engine::ContainerEvent> events;
  try {
    const auto until_ns = board_.until_ns();
    events = co_await client_.past_events(since_ns, until_ns, board_.now_us() * 1000);
  } catch (const Error& error) {
    if (error.code() != Code::too_large) throw;
    log::warn("agent", "the engine's past cannot be read", {{"reason", error.what()}});
  }
  co_return events;
}

/// Again until it succeeds or the stream breaks: without it nothing is known.
asio::awaitable<void> EngineFollower::look() {
  constexpr std::chrono::seconds again{1};
  ++looks_;
  const auto at_end = [this](void*) {
    if (--looks_ == 0) destroyed_.clear();
  };
  const std::unique_ptr<void, decltype(at_end)> ending{this, at_end};
  for (const auto connection = connection_; following_ && connection == connection_;) {
    try {
      auto containers = co_await client_.containers();
      if (connection != connection_) co_return;
      board_.engine_gave_sign();
      // The list may be older than what was heard since it was asked for.
      std::erase_if(containers, [&](const engine::Container& container) {
        return destroyed_.contains(container.id);
      });
      for (const auto& container : containers) remember(container);
      tell_sampler();
      board_.look(std::move(containers));
      co_return;
    } catch (const Error& error) {
      log::warn("agent", "the containers could not be listed", {{"reason", error.what()}});
    }
    co_await pause(again);
  }
}

void EngineFollower::look_again() {
  // Until the stream stands they are of the past, and the look that follows is still to come.
  if (!following_ || std::exchange(look_is_due_, true)) return;
  tasks_.spawn("look again", look_soon());
}

asio::awaitable<void> EngineFollower::look_soon() {
  constexpr std::chrono::seconds rest{1};
  co_await pause(rest);
  look_is_due_ = false;
  co_await look();
}

void EngineFollower::take(const engine::ContainerEvent& event) {
  ++events_;
  board_.engine_gave_sign();
  const bool wants_inspection = board_.apply(event);
  if (event.action == "die" || event.action == "destroy") {
    pids_.erase(event.id);
    tell_sampler();
  }
  if (event.action == "destroy") {
    if (looks_ > 0) destroyed_.insert(event.id);
    return;
  }
  if (wants_inspection || event.action == "start") {
    tasks_.spawn("inspect container", inspect(event.id));
  }
}

asio::awaitable<void> EngineFollower::inspect(std::string id) {
  try {
    auto container = co_await client_.inspect(id);
    remember(container);
    tell_sampler();
    board_.refresh(std::move(container));
  } catch (const Error& error) {
    if (error.code() == Code::not_found) {
      board_.vanished(id);
    } else {
      log::warn("agent", "a container could not be inspected", {{"reason", error.what()}});
    }
  }
}

void EngineFollower::ask() {
  tasks_.spawn("ask the engine", ask_until_answered());
}

asio::awaitable<void> EngineFollower::ask_until_answered() {
  constexpr std::chrono::milliseconds retry{100};
  for (const auto connection = connection_; following_ && connection == connection_;) {
    try {
      co_await client_.version();
      if (connection != connection_) co_return;
      board_.engine_answered();
      co_return;
    } catch (const Error&) {
      // It may be on its way down: then the stream ends and says so.
    }
    co_await pause(retry);
  }
}

void EngineFollower::remember(const engine::Container& container) {
  if (container.pid > 0) {
    pids_[container.id] = container.pid;
  } else {
    pids_.erase(container.id);
  }
}

void EngineFollower::tell_sampler() {
  std::vector<collect::ContainerHandle> handles;
  handles.reserve(pids_.size());
  for (const auto& [id, pid] : pids_) handles.push_back({id, pid});
  sampler_.set_containers(handles);
}

}  // namespace portoser::agent
