/// The file that holds the board's newest checkpoint. One thread at a time.
#pragma once

#include "agent/services/checkpoint.h"

#include <filesystem>
#include <optional>

namespace portoser::agent::services {

class CheckpointFile {
 public:
  explicit CheckpointFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// None: there is none, or it cannot be used, which is logged; then the agent begins anew and
  /// what happened meanwhile stays untold.
  [[nodiscard]] std::optional<Checkpoint> read() const;
  /// Replaces it. False: the disk takes nothing, which is logged once, until it takes something
  /// again.
  bool write(const Checkpoint& checkpoint);

 private:
  std::filesystem::path path_;
  bool is_failing_ = false;
};

}  // namespace portoser::agent::services
