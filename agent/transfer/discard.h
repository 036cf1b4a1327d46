/// The step of `move.discard`. Blocking.
#pragma once

#include "agent/transfer/engine_data.h"
#include "agent/transfer/notes.h"
#include "agent/transfer/parameters.h"

#include <functional>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

class Discard {
 public:
  using Mounts = std::function<std::vector<std::string>()>;

  /// `mounts`: where something is mounted. All references must outlive it.
  Discard(const Parameters& parameters, EngineData& engine, Mounts mounts);

  /// Looks at everything before it removes anything. In use: `Error{conflict, VOLUME_IN_USE}`; what
  /// `check_removable` refuses. What is gone already is fine, so it can be run again.
  void run();

 private:
  [[nodiscard]] std::vector<MadeRoot> from_roots() const;
  [[nodiscard]] bool is_ours(const MadeRoot& root);
  void check(const std::vector<MadeRoot>& roots);
  void remove(const MadeRoot& root);

  const Parameters& parameters_;
  EngineData& engine_;
  Mounts mounts_;
};

/// On a volume that a move made: its id.
inline constexpr auto move_label = "portoser.move";

}  // namespace portoser::agent::transfer
