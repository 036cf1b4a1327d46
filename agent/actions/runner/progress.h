/// How far the runner of a spec with an undo came, kept so that the next runner knows what to do
/// when this one is killed or the machine loses power.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace portoser::agent::actions::runner {

struct Reached {
  std::int64_t begun = -1;  ///< the last step that began; -1: none
  std::int64_t ended = -1;  ///< the last step that succeeded
  bool undoing = false;
};

/// Records go into a file that has its room already, each flushed before the call returns.
class Progress {
 public:
  /// `kept` false: nothing is written, and nothing read.
  Progress(const std::string& folder, bool kept);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Also by the runners before this one.
  [[nodiscard]] const Reached& reached() const { return reached_; }
  /// False: it could not be written.
  bool begin(std::int64_t step);
  bool end(std::int64_t step);
  bool undo();

 private:
  bool note(std::string_view record);

  bool kept_;
  int fd_ = -1;
  std::int64_t offset_ = 0;
  Reached reached_;
};

/// The records of such a file; a last one that is cut off is none.
Reached reached_in(std::string_view text);

}  // namespace portoser::agent::actions::runner
