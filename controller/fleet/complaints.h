/// What goes wrong again and again: the first of its kind is told at once, the others once a minute
/// with their number, so that a peer gone wild cannot fill the log. Pure; owned by one thread.
#pragma once

#include "common/clock.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

enum class Trouble {
  malformed,         ///< no message of ours
  too_large,         ///< over our limit of a message, under that of the socket
  unknown_type,      ///< of a newer agent
  not_admitted,      ///< of a device that was removed while it was connected
  key_refused,       ///< a handshake with a key of no device
  handshake_failed,  ///< a handshake that libzmq gave up: no CURVE, a wrong key of ours, a scanner
  accept_failed,     ///< no connection can be taken, usually for want of descriptors
  connection_ended,  ///< libzmq does not say why: also what a frame over ZMQ_MAXMSGSIZE leads to
};

/// So many of one kind since the last report.
struct Complaint {
  Trouble trouble = Trouble::malformed;
  std::uint64_t count = 0;
  std::string latest;  ///< of the newest: who and why, for a person
  bool operator==(const Complaint&) const = default;
};

class Complaints {
 public:
  static constexpr std::chrono::minutes period{1};

  /// Counts it. What is to be told now, if anything.
  std::optional<Complaint> add(Trouble trouble, std::string latest, Uptime now);
  /// What was counted and not told, of the kinds that were last told a minute ago.
  std::vector<Complaint> due(Uptime now);
  /// How long until `due` has something; nothing while it would never.
  [[nodiscard]] std::optional<Uptime> wait(Uptime now) const;

 private:
  struct Kind {
    std::optional<Uptime> told_at;
    std::uint64_t count = 0;
    std::string latest;
  };
  static constexpr std::size_t kinds = static_cast<std::size_t>(Trouble::connection_ended) + 1;
  std::array<Kind, kinds> kinds_;
};

}  // namespace portoser::fleet
