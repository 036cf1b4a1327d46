/// What the link counted since it was made.
#pragma once

#include <cstdint>
#include <string_view>

namespace portoser::agent::link {

enum class ConnectionState {
  connecting,        ///< no connection yet, or lost; tried again within seconds
  handshake_failed,  ///< the other end is not the controller that this host joined, or is starting
  not_enrolled,      ///< the controller does not admit our key: removed, or waiting for approval
  greeting,          ///< connected, no welcome yet
  online,            ///< welcome
  refused,           ///< the controller said goodbye for good (removed, version, cloned)
};

std::string_view to_string(ConnectionState state);

struct LinkStats {
  ConnectionState state = ConnectionState::connecting;
  std::int64_t connections = 0;  ///< handshakes that succeeded
  std::int64_t welcomes = 0;
  std::int64_t sent = 0;
  std::int64_t received = 0;
  std::int64_t received_malformed = 0;   ///< dropped
  std::int64_t received_oversized = 0;   ///< dropped
  std::int64_t received_unknown = 0;     ///< of a type that this build does not know; dropped
  std::int64_t received_unexpected = 0;  ///< before the welcome, or an agent's own type; dropped
  std::int64_t events_resent = 0;        ///< times that no acknowledgement came in time
  std::int64_t events_dropped = 0;       ///< by the limits of spool or outbox
  std::int64_t spool_bytes = 0;
  std::int64_t spool_in_memory = 0;  ///< because the disk takes nothing
  std::int64_t spool_corrupt = 0;
  std::int64_t samples_kept = 0;  ///< put into the backlog
  std::int64_t samples_late = 0;  ///< sent from the backlog
  std::int64_t samples_dropped = 0;
  std::int64_t backlog_bytes = 0;
  std::int64_t backlog_corrupt = 0;
  std::int64_t progress_dropped = 0;
};

}  // namespace portoser::agent::link
