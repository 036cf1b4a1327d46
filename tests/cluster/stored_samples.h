/// The samples of a host in the controller's log of the newest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace portoser::test {

struct StoredSamples {
  std::map<std::int64_t, std::int64_t> times;  ///< by number: the controller's time in ms
  std::vector<std::int64_t> twice;
  /// The numbers that are missing between the first and the last of an agent's life. `first`: only
  /// from this number on.
  [[nodiscard]] std::vector<std::int64_t> holes(std::int64_t first) const;
};

/// Only of spans that are not sealed yet: of the last quarter of an hour.
StoredSamples stored_samples(const std::filesystem::path& database, const std::string& host);

}  // namespace portoser::test
