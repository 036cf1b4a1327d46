/// Which question is answered by whom. In portoser-inspect only.
#pragma once

#include "common/tasks.h"
#include "protocol/messages.h"

#include <filesystem>
#include <string>

namespace portoser::agent::inspection {

/// Where the process finds what it needs.
struct Place {
  std::filesystem::path folder;  ///< of the question; for what it writes meanwhile
  std::string engine_socket;
  std::filesystem::path data;  ///< the agent's
};

/// Never throws an `Error`: that becomes the answer. Unknown: UNKNOWN_QUESTION.
asio::awaitable<protocol::Answer> answer_to(protocol::Question question, Place place);

}  // namespace portoser::agent::inspection
