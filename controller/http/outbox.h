/// The frames that wait for one client, and how it ends. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace portoser::http {

struct CloseReason {
  std::uint16_t code = 1000;
  std::string text;
};

class Outbox {
 public:
  using Text = std::shared_ptr<const std::string>;
  /// Of events, none of which may be skipped.
  static constexpr std::size_t frame_limit = 256;
  static constexpr std::size_t byte_limit = 1U << 20U;
  /// Of values, of each of which the newest is enough: they are as many as the client asked for,
  /// and their texts belong to all clients together.
  static constexpr std::size_t value_limit = 8192;
  static constexpr std::size_t value_byte_limit = 8U << 20U;

  /// What the writer does next.
  struct Next {
    enum class Kind { wait, frame, ping, close, end };
    Kind kind = Kind::wait;
    Text text{};
    CloseReason reason{};
  };

  /// What an addition did.
  struct Added {
    bool wakes_writer = false;
    bool replaced = false;    ///< an older value, which is not sent any more
    std::size_t dropped = 0;  ///< frames lost because a limit was reached; the outbox closes
  };

  /// `key` empty: a frame of its own; else it takes the place of a waiting one of that key. A frame
  /// larger than the limit is taken when nothing else waits.
  Added add(std::string_view key, Text text);
  /// The client takes nothing: closes as at a limit.
  Added give_up();
  /// Waiting frames go out first. True: the writer has to be woken.
  bool close(CloseReason reason);
  /// Asks for a ping. True: the writer has to be woken.
  bool ping();
  /// The peer is gone: nothing more is sent. True: the writer has to be woken.
  bool end();

  /// Less than an eighth of any limit waits, or nothing is taken any more: who has much to tell
  /// waits for this, so that what happens meanwhile has room.
  [[nodiscard]] bool is_drained() const;

  /// For the writer alone; `wait` means that it is going to sleep.
  Next next();

 private:
  struct Frame {
    std::string key;
    Text text;
  };
  bool wake() { return std::exchange(is_asleep_, false); }
  [[nodiscard]] bool has_room(std::string_view key, std::size_t bytes) const;
  Added drop_all();
  void clear_frames();

  mutable std::mutex mutex_;
  std::deque<Frame> frames_;
  std::unordered_map<std::string_view, Frame*> values_;  ///< those of `frames_` that have a key
  std::size_t event_bytes_ = 0;
  std::size_t value_bytes_ = 0;
  std::optional<CloseReason> close_;
  bool wants_ping_ = false;
  bool is_ended_ = false;
  bool is_asleep_ = false;
};

}  // namespace portoser::http
