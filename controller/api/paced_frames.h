/// The frames that wait for one `/ws` socket. The existing UI keeps only the last frame of a
/// render, so frames are spaced, unless very many wait; and any frame shortly after
/// `deployment_completed` makes it keep a finished plan on the screen, so there is silence behind
/// that one. A long log is shortened in its middle, with a word of it, rather than delayed; nothing
/// else is ever skipped. Pure; owned by the socket's executor.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace portoser::api {

enum class FrameKind { log, completed, other };

struct Frame {
  FrameKind kind = FrameKind::other;
  std::shared_ptr<const std::string> text;  ///< one for all sockets
};

class PacedFrames {
 public:
  struct Limits {
    std::size_t waiting = 1000;
    bool may_hurry = true;  ///< closer together while more than `crowd` wait
  };

  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds spacing{50};
  /// While more than `crowd` wait: whoever reads at once must not be closed for our spacing.
  static constexpr std::chrono::milliseconds crowded_spacing{2};
  static constexpr std::size_t crowd = 100;
  static constexpr std::chrono::seconds silence{10};
  static constexpr std::size_t log_lines_waiting = 40;
  static constexpr std::size_t frames_waiting = 1000;

  PacedFrames() = default;
  explicit PacedFrames(Limits limits) : limits_(limits) {}

  /// False: so many wait that this one cannot. The socket has to be closed, so that its client
  /// knows that it missed something.
  [[nodiscard]] bool push(Frame frame);
  /// The frame whose time has come; null when none waits or it is too early.
  std::shared_ptr<const std::string> take(TimePoint now);
  /// When `take` will have something; nothing when no frame waits.
  [[nodiscard]] std::optional<TimePoint> next() const;

 private:
  struct Waiting {
    Frame frame;
    std::size_t left_out = 0;  ///< not 0: stands for so many lines
  };
  void shorten();

  Limits limits_;
  std::deque<Waiting> waiting_;
  std::size_t logs_ = 0;
  TimePoint not_before_{};
};

}  // namespace portoser::api
