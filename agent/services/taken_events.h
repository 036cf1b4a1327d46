/// Which of the engine's events were taken in: so that asking it for its past again, after a gap in
/// the stream or by the next agent, tells each of them once.
#pragma once

#include "agent/engine/container.h"
#include "common/describe.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace portoser::agent::services {

struct EventKey {
  std::int64_t time_ns = 0;  ///< the engine's wall clock
  std::string id;            ///< of the container
  std::string action;
  bool operator==(const EventKey&) const = default;
};
BOOST_DESCRIBE_STRUCT(EventKey, (), (time_ns, id, action))

EventKey key_of(const engine::ContainerEvent& event);

/// What it keeps, for a file.
struct TakenMemory {
  std::int64_t since_ns = 0;
  std::vector<EventKey> keys;  ///< as they came
};
BOOST_DESCRIBE_STRUCT(TakenMemory, (), (since_ns, keys))

class TakenEvents {
 public:
  /// Twice what an engine keeps (moby, daemon/events: eventsLimit = 256).
  static constexpr std::size_t limit = 512;

  TakenEvents() = default;
  explicit TakenEvents(TakenMemory memory) : memory_(std::move(memory)) {}

  /// What happened before is nobody's concern. Only the first call counts.
  void begin(std::int64_t time_ns);
  /// From when on events may be missing; 0: not begun.
  [[nodiscard]] std::int64_t since_ns() const { return memory_.since_ns; }

  /// False: it was taken before.
  bool take(EventKey key);
  /// It had no effect after all, and is wanted again.
  void give_back(const EventKey& key);

  [[nodiscard]] const TakenMemory& memory() const { return memory_; }

 private:
  TakenMemory memory_;
};

}  // namespace portoser::agent::services
