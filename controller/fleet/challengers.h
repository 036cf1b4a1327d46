/// Newcomers with the key of a host that still answers: each is another machine (a copy of the disk
/// carries the key along), or the same one after a quick reboot. Pure logic with the time passed
/// in; owned by `Fleet` and touched on its executor only.
#pragma once

#include "common/clock.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

class Challengers {
 public:
  /// How many are told apart. Others wait until one of these has not been there for a minute: they
  /// get no answer, as long as the host answers.
  static constexpr std::size_t most = 8;

  /// The newcomer says hello: since when has it waited for whoever was there to show itself? None:
  /// from now on.
  std::optional<Uptime> waits_since(const std::string& boot_id,
                                    const std::string& spool_epoch,
                                    Uptime now) {
    std::erase_if(waiting_, [now](const auto& one) { return now - one.heard > forgotten_after; });
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& one) {
      return one.boot_id == boot_id && one.spool_epoch == spool_epoch;
    });
    if (found != waiting_.end()) {
      found->heard = now;
      return found->since;
    }
    if (waiting_.size() < most) waiting_.push_back({boot_id, spool_epoch, now, now});
    return std::nullopt;
  }

  /// It was refused. What was heard until now says nothing when it comes again.
  void refused(const std::string& boot_id, const std::string& spool_epoch, Uptime now) {
    for (auto& one : waiting_) {
      if (one.boot_id == boot_id && one.spool_epoch == spool_epoch) one.since = now;
    }
  }

  void clear() { waiting_.clear(); }

 private:
  static constexpr std::chrono::minutes forgotten_after{1};
  struct Newcomer {
    std::string boot_id;
    std::string spool_epoch;
    Uptime since;
    Uptime heard;
  };
  std::vector<Newcomer> waiting_;
};

}  // namespace portoser::fleet
