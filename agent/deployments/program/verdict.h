/// Whose a service is that an activation started here: decided once for all, by whoever comes
/// first, and never changed. The file `verdict` in the activation's folder of the journal says it.
/// Several processes may decide at once. Blocking; any thread.
#pragma once

#include <filesystem>
#include <optional>

namespace portoser::agent::deployments {

/// The runner knows the file and the first of its words (agent/actions/runner/files.h).
inline constexpr auto verdict_name = "verdict";

enum class Verdict {
  confirmed,  ///< it is this host's
  expired,    ///< nothing of it may run here any more
};

class VerdictFile {
 public:
  explicit VerdictFile(std::filesystem::path folder);

  /// Makes the texts of both, so that a disk which becomes full meanwhile stops no decision.
  void prepare() const;
  /// None: nobody has decided. What is there may not be on the disk yet: see `decide`.
  [[nodiscard]] std::optional<Verdict> read() const;
  /// `wanted` if nobody has decided. Returns what holds, which survives a power cut. Cannot be
  /// written or read: `Error`.
  Verdict decide(Verdict wanted) const;

 private:
  [[nodiscard]] std::filesystem::path ready(Verdict verdict) const;

  std::filesystem::path folder_;
};

}  // namespace portoser::agent::deployments
