/// What the fleet refuses on its executor: counted for everybody, told once a minute.
#pragma once

#include "controller/fleet/complaints.h"

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace portoser::fleet {

struct RefusalStats {
  std::uint64_t hellos_other_version = 0;
  std::uint64_t hellos_two_machines = 0;
  std::uint64_t dropped_not_welcomed = 0;  ///< messages of a connection that is not in force
};

class Refusals {
 public:
  // On the fleet's executor.
  void add(Trouble trouble, std::string latest, Uptime now) {
    if (trouble == Trouble::other_version) ++other_version_;
    if (trouble == Trouble::two_machines) ++two_machines_;
    if (trouble == Trouble::not_welcomed) ++not_welcomed_;
    if (const auto complaint = complaints_.add(trouble, std::move(latest), now)) tell(*complaint);
  }
  /// About once a second.
  void tell_due(Uptime now) {
    for (const auto& complaint : complaints_.due(now)) tell(complaint);
  }

  /// Any thread.
  [[nodiscard]] RefusalStats read() const { return {other_version_, two_machines_, not_welcomed_}; }

 private:
  Complaints complaints_;
  std::atomic<std::uint64_t> other_version_{0};
  std::atomic<std::uint64_t> two_machines_{0};
  std::atomic<std::uint64_t> not_welcomed_{0};
};

}  // namespace portoser::fleet
