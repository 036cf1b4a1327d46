/// What a move has to remember between its phases, kept in the database with it
/// (`MoveRecord::data`) so that a controller that was killed goes on where this one was.
#pragma once

#include "common/describe.h"
#include "protocol/commands.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::deployment {

/// Why a move goes back, as its job will say it.
struct MoveFailure {
  std::string step;  ///< of the job; empty: nothing has failed
  std::string code;
  std::string reason;
  std::string message;
  std::string hint;
  std::vector<std::string> output;  ///< the last lines of what failed
};
BOOST_DESCRIBE_STRUCT(MoveFailure, (), (step, code, reason, message, hint, output))

struct MoveNotes {
  protocol::ComposeTarget source;  ///< as commands on that host name it
  protocol::ComposeTarget target;
  std::vector<protocol::DataRoot> source_roots;
  std::vector<protocol::DataRoot> target_roots;
  std::vector<std::string> may_replace;  ///< what an earlier move left on the target
  std::vector<std::string> leave_paths;  ///< as it was asked for
  std::int64_t total_bytes = 0;
  bool was_running = false;            ///< the service, on the source, before anything was done
  bool has_stopped_it = false;         ///< or was about to
  bool has_restarted_it = false;       ///< it runs on the source again
  bool has_sent_data = false;          ///< or was about to
  protocol::Lease lease;               ///< of the activation; no boot: none was sent
  bool target_knows_it = false;        ///< the target was heard of the activation
  bool confirmation_was_sent = false;  ///< or was about to be
  std::int64_t quiets = 0;             ///< attempts to end what the target had started
  std::int64_t returns = 0;            ///< attempts to start it on the source again
  MoveFailure failure;
};
BOOST_DESCRIBE_STRUCT(MoveNotes,
                      (),
                      (source,
                       target,
                       source_roots,
                       target_roots,
                       may_replace,
                       leave_paths,
                       total_bytes,
                       was_running,
                       has_stopped_it,
                       has_restarted_it,
                       has_sent_data,
                       lease,
                       target_knows_it,
                       confirmation_was_sent,
                       quiets,
                       returns,
                       failure))

/// Something that a host has to do after a move, when it is there again.
struct MoveChore {
  std::string what;  ///< "down" (of the source's containers), "discard" (of the target's data),
                     ///< "withdraw" (of what the target had started), "registry" (the host)
  std::string host;  ///< empty for "registry"
};
BOOST_DESCRIBE_STRUCT(MoveChore, (), (what, host))

}  // namespace portoser::deployment
