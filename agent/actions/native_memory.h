/// What a reboot of the host must not undo: units whose start at boot a stop of ours took away, and
/// services of a service.yml that we started, whose units do not outlive a boot. Lives on the
/// agent's Asio thread; the file is written on the pool.
#pragma once

#include "agent/actions/newest_file.h"
#include "common/describe.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portoser::agent::actions {

struct StartedService {
  protocol::NativeTarget target;
  std::string boot_id;  ///< in which it was started last
};
BOOST_DESCRIBE_STRUCT(StartedService, (), (target, boot_id))

struct NativeNotes {
  std::vector<std::string> disabled;              ///< units
  std::map<std::string, StartedService> started;  ///< by name of the service
};
BOOST_DESCRIBE_STRUCT(NativeNotes, (), (disabled, started))

class NativeMemory {
 public:
  /// Reads the file. One that cannot be read is left aside (with a warning): what it knew is lost.
  NativeMemory(std::filesystem::path file, asio::thread_pool& pool);
  ~NativeMemory();

  [[nodiscard]] const NativeNotes& notes() const { return notes_; }
  /// Changes them and writes the file; on the disk when it returns.
  template <class Change>
  asio::awaitable<void> change(Change change) {
    change(notes_);
    return save();
  }

 private:
  asio::awaitable<void> save();

  asio::thread_pool& pool_;
  std::shared_ptr<NewestFile> file_;
  NativeNotes notes_;
  std::int64_t version_ = 0;
};

}  // namespace portoser::agent::actions
