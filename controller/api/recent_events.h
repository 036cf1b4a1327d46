/// The newest events that were shown to the clients of a socket. An event is shown before it is in
/// the database (docs/decisions/0003), so a client that comes in between finds it only here.
/// Not thread-safe; bounded.
#pragma once

#include "controller/storage/event_store.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace portoser::api {

/// An event and the frame that shows it.
struct ShownEvent {
  storage::EventRecord event;
  std::shared_ptr<const std::string> frame;
};

class RecentEvents {
 public:
  /// Far more than wait for a commit at once.
  static constexpr std::size_t most = 1000;
  static constexpr std::size_t most_bytes = 8U << 20U;

  using Passes = std::function<bool(const storage::EventRecord&)>;

  /// Events come in the order of their ids.
  void push(ShownEvent shown);

  /// Those after `since` that pass, together with what the database gave of the same, each once and
  /// in the order of the ids; when there are more than `limit`, the newest.
  [[nodiscard]] std::vector<ShownEvent> merged(std::vector<ShownEvent> stored,
                                               std::int64_t since,
                                               const Passes& passes,
                                               std::size_t limit) const;

 private:
  std::deque<ShownEvent> shown_;
  std::size_t bytes_ = 0;
};

}  // namespace portoser::api
