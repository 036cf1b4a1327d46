/// Who is there: the liveness of every device, from what it sends and when. Pure logic with the
/// time passed in; owned by `Fleet` and touched on its executor only.
#pragma once

#include "common/clock.h"
#include "common/describe.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

enum class Liveness {
  unknown,  ///< never had an agent, or the controller has only just started
  online,
  stale,    ///< three samples were missed
  offline,  ///< silent for `offline_after`
};
BOOST_DESCRIBE_ENUM(Liveness, unknown, online, stale, offline)

struct PresenceLimits {
  std::chrono::milliseconds stale_after{15'000};
  std::chrono::milliseconds offline_after{60'000};
  /// For so long after its own start a controller declares nobody offline: agents need time to
  /// return.
  std::chrono::milliseconds grace{30'000};
  /// So long an agent is waited for that was let in just now: one that is kept out knocks every
  /// half minute.
  std::chrono::milliseconds first_sign{45'000};
  /// An older message proves nothing when another machine comes with the same key.
  std::chrono::milliseconds answers_within{15'000};
  /// So long an agent has to answer when it is asked whether it is still there.
  std::chrono::milliseconds asked_for{15'000};
};

/// For hosts that send a sample that often, on connections that are tested that often: nobody is
/// given up whose connection still stands. `limits`: the rest of them; a host that measures seldom
/// is offline after four samples.
PresenceLimits presence_limits(std::chrono::milliseconds sample_interval,
                               std::chrono::milliseconds heartbeat,
                               PresenceLimits limits = {});

/// How long a device may be silent that is heard otherwise than by samples.
struct Patience {
  std::chrono::milliseconds stale_after{};
  std::chrono::milliseconds offline_after{};
};

struct LivenessChange {
  std::string device_id;
  Liveness before;
  Liveness after;
};

class Presence {
 public:
  Presence(PresenceLimits limits, Uptime started) : limits_(limits), started_(started) {}

  /// Of another sample interval. Whoever measured seldom until now (`before`) has not been silent
  /// for longer than one may be from now on.
  void set_limits(const PresenceLimits& limits, std::chrono::milliseconds before, Uptime now);

  /// A device that is known from the database. Unknown until it speaks or the grace is over.
  void add(const std::string& device_id);
  /// The same for one that was let in just now: `first_sign` is its grace too.
  void add(const std::string& device_id, Uptime now);
  /// The same for one with a patience of its own, which is its grace too.
  void add(const std::string& device_id, const Patience& patience, Uptime now);
  void remove(const std::string& device_id) { devices_.erase(device_id); }

  /// The device sent something.
  std::optional<LivenessChange> seen(const std::string& device_id, Uptime now);
  /// The device said goodbye or its connection was taken away: offline at once.
  std::optional<LivenessChange> left(const std::string& device_id);
  /// What became of the others by `now`. Called about once a second.
  std::vector<LivenessChange> check(Uptime now);
  /// We ourselves were stopped or asleep for so long, up to `now`: that counts against nobody, and
  /// the grace begins anew, for agents that have given us up meanwhile.
  void was_away(Uptime away, Uptime now);

  [[nodiscard]] Liveness of(const std::string& device_id) const;
  /// True when the device has sent something after that moment.
  [[nodiscard]] bool heard_since(const std::string& device_id, Uptime moment) const;
  /// True while a message of the device is younger than `answers_within`.
  [[nodiscard]] bool answers(const std::string& device_id, Uptime now) const;

 private:
  struct Entry {
    Liveness liveness = Liveness::unknown;
    std::optional<Uptime> last;   ///< what its silence is counted from
    std::optional<Uptime> heard;  ///< when it really spoke
    std::optional<Patience> patience;
    std::optional<Uptime> added;  ///< none: it was known when we started
  };
  PresenceLimits limits_;
  Uptime started_;  ///< the grace
  std::map<std::string, Entry> devices_;
};

}  // namespace portoser::fleet
