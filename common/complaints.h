/// What goes wrong again and again: the first of its kind is told at once, the others once a minute
/// with their number, so that a peer gone wild cannot fill the log. Pure; owned by one thread, or
/// guarded by its owner.
#pragma once

#include "common/clock.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portoser {

/// So many of one kind since the last report.
template <class Kind>
struct BasicComplaint {
  Kind trouble{};
  std::uint64_t count = 0;
  std::string latest{};  ///< of the newest: who and why, for a person
  bool operator==(const BasicComplaint&) const = default;
};

/// `Kind` is an enumeration that counts from 0, `last` its last value.
template <class Kind, Kind last>
class BasicComplaints {
 public:
  using Complaint = BasicComplaint<Kind>;
  static constexpr std::chrono::minutes period{1};
  /// Of `latest`: part of it is what a stranger said.
  static constexpr std::size_t text_limit = 240;

  /// Counts it. What is to be told now, if anything.
  std::optional<Complaint> add(Kind trouble, std::string latest, Uptime now) {
    auto& kind = kinds_.at(static_cast<std::size_t>(trouble));
    ++kind.count;
    if (latest.size() > text_limit) latest.replace(text_limit, std::string::npos, "...");
    kind.latest = std::move(latest);
    if (kind.told_at && now - *kind.told_at < period) return std::nullopt;
    return take(trouble, kind, now);
  }

  /// What was counted and not told, of the kinds that were last told a minute ago.
  std::vector<Complaint> due(Uptime now) {
    std::vector<Complaint> all;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      auto& kind = kinds_.at(i);
      if (kind.count == 0 || now - *kind.told_at < period) continue;
      all.push_back(take(static_cast<Kind>(i), kind, now));
    }
    return all;
  }

  /// How long until `due` has something; nothing while it would never.
  [[nodiscard]] std::optional<Uptime> wait(Uptime now) const {
    std::optional<Uptime> least;
    for (const auto& kind : kinds_) {
      if (kind.count == 0) continue;
      const auto left = std::max(*kind.told_at + period - now, Uptime{0});
      least = std::min(least.value_or(left), left);
    }
    return least;
  }

 private:
  struct Counted {
    std::optional<Uptime> told_at;
    std::uint64_t count = 0;
    std::string latest;
  };

  static Complaint take(Kind trouble, Counted& kind, Uptime now) {
    kind.told_at = now;
    return {trouble, std::exchange(kind.count, 0), std::exchange(kind.latest, {})};
  }

  std::array<Counted, static_cast<std::size_t>(last) + 1> kinds_;
};

}  // namespace portoser
