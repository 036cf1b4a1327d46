#include "agent/services/checkpoint_file.h"

#include "common/error.h"
#include "common/file.h"
#include "common/log.h"

#include <utility>

namespace portoser::agent::services {

std::optional<Checkpoint> CheckpointFile::read() const {
  try {
    return checkpoint_from(read_file(path_));
  } catch (const Error& error) {
    if (error.code() != Code::not_found) {
      log::warn("services",
                "what the last agent knew is lost: changes since then are not told",
                {{"file", path_.string()}, {"reason", error.what()}});
    }
    return std::nullopt;
  }
}

bool CheckpointFile::write(const Checkpoint& checkpoint) {
  constexpr unsigned private_mode = 0600;
  try {
    write_file_atomic(path_, to_text(checkpoint), private_mode);
    is_failing_ = false;
    return true;
  } catch (const Error& error) {
    if (std::exchange(is_failing_, true)) return false;
    log::error("services",
               "the state of the services cannot be kept: what happens while the agent is down "
               "will not be told",
               {{"file", path_.string()}, {"reason", error.what()}});
  }
  return false;
}

}  // namespace portoser::agent::services
