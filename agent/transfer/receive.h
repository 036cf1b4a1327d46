/// The steps of `move.receive`: `prepare`, `fetch` and, of the last pass, `compare`. Each is a
/// process of its own. Blocking.
#pragma once

#include "agent/transfer/compare.h"
#include "agent/transfer/engine_data.h"
#include "agent/transfer/notes.h"
#include "agent/transfer/parameters.h"
#include "agent/transfer/progress.h"
#include "agent/transfer/request.h"
#include "agent/transfer/rsync_call.h"
#include "common/mount_points.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

class Receive {
 public:
  using Mounts = std::function<std::vector<std::string>()>;

  /// `folder`: the command's own, in which the steps note how many streams they had; `program`:
  /// path of portoser-transfer; `mounts`: where something is mounted. All references must outlive
  /// it.
  Receive(const Parameters& parameters,
          EngineData& engine,
          std::filesystem::path folder,
          std::string program,
          Mounts mounts = mount_points);

  /// By the name of the step; one that fails also tells the other host so. Unknown:
  /// `Error{invalid}`.
  void run(const std::string& step);

  /// Looks at what is here, writes down what will be made, and makes it. Errors: FOLDER_EXISTS,
  /// VOLUME_EXISTS, VOLUME_IN_USE (something that would be written over), FOLDER_REFUSED,
  /// RSYNC_MISSING; nothing was made then.
  void prepare();
  /// Errors: TRANSFER_CUT, DISK_FULL, IMAGE_DIFFERS.
  void fetch();
  /// Differences that a second look at every byte did not mend: `Error{internal,
  /// MOVE_DATA_DIFFERS}` with the first of them.
  void compare();

 private:
  void plan(const protocol::DataRoot& root, MoveNotes& notes);
  void plan_folder(const protocol::DataRoot& root, MoveNotes& notes);
  void plan_volume(const protocol::DataRoot& root, MoveNotes& notes);
  void require_unused(const MoveNotes& notes);
  void require_no_mount_below(const std::string& folder);
  void make(const protocol::DataRoot& root);
  [[nodiscard]] bool may_replace(const std::string& what) const;
  [[nodiscard]] bool may_replace_path(const std::string& path) const;

  void flush_roots();
  void fetch_files(std::size_t number, bool checks_content);
  void fetch_image(std::size_t number);
  Differences compare_root(std::size_t number);
  [[nodiscard]] std::string folder_of(const protocol::DataRoot& root);
  void show(std::int64_t bytes);

  std::string next_stream();
  void end(const std::string& problem);

  const Parameters& parameters_;
  EngineData& engine_;
  std::filesystem::path folder_;
  std::string program_;
  Mounts mounts_;
  Progress progress_;
};

}  // namespace portoser::agent::transfer
