#include "agent/services/subject.h"

#include "protocol/commands.h"

#include <utility>

namespace portoser::agent::services {
namespace {

std::optional<Verdict> verdict(std::string_view type,
                               std::string command_id,
                               std::string details = {}) {
  Verdict out;
  out.event_type = type;
  out.details = std::move(details);
  out.command_id = std::move(command_id);
  return out;
}

}  // namespace

Subject::Subject(SubjectMemory memory) : phase_(memory.phase), window_(std::move(memory.window)) {}

void Subject::settle(Crew crew) {
  if (crew.failed > 0) {
    phase_ = Phase::failed;
  } else {
    phase_ = crew.up > 0 ? Phase::running : Phase::stopped;
  }
}

bool Subject::is_ours(std::int64_t when_us) const {
  return window_ && when_us >= window_->start_us &&
         (window_->end_us == 0 || when_us <= window_->end_us);
}

CommandWindow* Subject::window_at(std::int64_t when_us) {
  return is_ours(when_us) ? &*window_ : nullptr;
}

std::optional<Verdict> Subject::started(Crew crew, std::int64_t when_us, bool was_recycled) {
  auto* window = window_at(when_us);
  const auto command_id = window != nullptr ? window->command_id : std::string{};
  if (window != nullptr && window->brings_up && !window->announced &&
      (!window->was_running || window->went_down)) {
    window->announced = true;
    phase_ = crew.failed > 0 ? Phase::failed : Phase::running;
    return verdict(window->was_running ? "restart" : "start", command_id);
  }
  switch (phase_) {
    case Phase::failed:
      if (crew.failed > 0) return std::nullopt;
      phase_ = Phase::running;
      return verdict("recovery", command_id);
    case Phase::stopped:
      phase_ = Phase::running;
      return verdict("start", command_id);
    case Phase::running:
      if (!was_recycled) return std::nullopt;
      return verdict(
          "restart", command_id, "ended with exit 0; its restart policy started it again");
    case Phase::unknown:
      break;
  }
  phase_ = Phase::running;
  return std::nullopt;
}

std::optional<Verdict> Subject::ended(
    Crew crew, std::int64_t when_us, Ending ending, bool killed, std::string details) {
  auto* window = window_at(when_us);
  const auto command_id = window != nullptr ? window->command_id : std::string{};
  if (window != nullptr) {
    window->went_down = true;
    if (killed) ending = Ending::stopped;
  }
  if (ending == Ending::failed) {
    phase_ = Phase::failed;
    return verdict("failure", command_id, std::move(details));
  }
  if (ending == Ending::recycled || crew.up > 0) return std::nullopt;
  // What comes next decides: the start, or the end of the command.
  if (window != nullptr && window->brings_up && !window->announced) return std::nullopt;
  const auto before = std::exchange(phase_, Phase::stopped);
  if (before == Phase::stopped || before == Phase::unknown) return std::nullopt;
  return verdict("stop", command_id, std::move(details));
}

std::optional<Verdict> Subject::removed(Crew crew, std::int64_t when_us) {
  if (phase_ != Phase::failed || crew.failed > 0 || crew.up == 0) return std::nullopt;
  auto* window = window_at(when_us);
  if (window != nullptr && window->brings_up && !window->announced) return std::nullopt;
  phase_ = Phase::running;
  return verdict("recovery",
                 window != nullptr ? window->command_id : std::string{},
                 "the container that had failed was removed");
}

std::optional<Verdict> Subject::looked(Crew crew, std::int64_t when_us, Difference difference) {
  auto* window = window_at(when_us);
  const auto command_id = window != nullptr ? window->command_id : std::string{};
  if (window != nullptr && difference.interrupted) window->went_down = true;
  const bool is_our_stop = window != nullptr && !window->brings_up;
  if (difference.failed && !is_our_stop) {
    phase_ = Phase::failed;
    return verdict("failure", command_id, std::move(difference.details));
  }
  if (crew.up == 0) {
    if (window != nullptr && window->brings_up) return std::nullopt;
    if (phase_ == Phase::unknown) phase_ = Phase::stopped;
    if (phase_ != Phase::running) return std::nullopt;
    phase_ = Phase::stopped;
    return verdict("stop", command_id, std::move(difference.details));
  }
  const bool begins = phase_ == Phase::stopped || phase_ == Phase::failed;
  if (begins || difference.interrupted) {
    auto seen = started(crew, when_us, phase_ == Phase::running);
    if (seen) seen->details = std::move(difference.details);
    return seen;
  }
  if (phase_ == Phase::unknown) settle(crew);
  return std::nullopt;
}

void Subject::command_started(std::string id,
                              std::string_view command,
                              Crew crew,
                              std::int64_t when_us) {
  if (window_ && window_->command_id == id) {
    window_->end_us = 0;
    return;
  }
  CommandWindow window;
  window.command_id = std::move(id);
  window.command = command;
  window.brings_up = command != protocol::ComposeStop::name &&
                     command != protocol::ComposeDown::name &&
                     command != protocol::NativeStop::name;
  window.was_running = crew.up > 0;
  window.start_us = when_us;
  const bool is_start =
      command == protocol::ComposeUp::name || command == protocol::NativeStart::name;
  if (phase_ == Phase::unknown && window.brings_up && !is_start) {
    // A command that an earlier agent began: it may have stopped the containers already, and nobody
    // restarts what does not run.
    window.was_running = true;
    window.went_down = true;
  }
  window_ = std::move(window);
}

void Subject::close_window(const std::string& id, std::int64_t end_us) {
  if (window_ && window_->command_id == id) window_->end_us = end_us;
}

std::optional<Verdict> Subject::command_ended(const std::string& id, bool succeeded, Crew crew) {
  if (!window_ || window_->command_id != id) return std::nullopt;
  if (window_->announced || crew.up > 0 || phase_ == Phase::unknown || phase_ == Phase::stopped) {
    return std::nullopt;
  }
  if (!window_->brings_up) {
    if (!succeeded) return std::nullopt;
    phase_ = Phase::stopped;
    return verdict("stop", id);
  }
  if (succeeded || !window_->went_down || phase_ == Phase::failed) return std::nullopt;
  phase_ = Phase::failed;
  return verdict("failure", id, window_->command + " left it down");
}

}  // namespace portoser::agent::services
