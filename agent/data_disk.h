/// The disk that holds the agent's data folder, looked at with every sample: while it is full, the
/// log says so once a minute and every sample names it. One thread.
#pragma once

#include "common/pace.h"
#include "protocol/messages.h"

#include <filesystem>
#include <optional>

namespace portoser::agent {

class DataDisk {
 public:
  explicit DataDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// None: there is room.
  std::optional<protocol::CollectProblem> look();

 private:
  std::filesystem::path folder_;
  Pace pace_;
  bool is_full_ = false;
};

}  // namespace portoser::agent
