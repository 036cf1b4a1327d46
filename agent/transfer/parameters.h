/// What the agent tells the program `portoser-transfer` about one command: `parameters.json` in the
/// command's folder of the journal. Its command line names no more than that folder.
#pragma once

#include "common/describe.h"
#include "protocol/commands.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

struct Parameters {
  std::string data;           ///< the agent's folder
  std::string engine_socket;  ///< path
  std::string stream_socket;  ///< path of the agent's socket for streams
  std::string service;        ///< its name in the registry
  std::string move;           ///< id of the move
  std::string stream;         ///< of this transfer; numbers follow it
  std::vector<protocol::DataRoot> roots;
  bool is_final = false;
  std::int64_t rate_limit_kib = 0;       ///< a second; 0: none
  std::int64_t total_bytes = 0;          ///< of all roots on the source; 0: unknown
  std::vector<std::string> may_replace;  ///< as in protocol::MoveReceive
};
BOOST_DESCRIBE_STRUCT(Parameters,
                      (),
                      (data,
                       engine_socket,
                       stream_socket,
                       service,
                       move,
                       stream,
                       roots,
                       is_final,
                       rate_limit_kib,
                       total_bytes,
                       may_replace))

}  // namespace portoser::agent::transfer
