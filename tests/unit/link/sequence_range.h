#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace portoser::agent::link {

/// All numbers from `first` to `last`, both of them included.
inline std::vector<std::int64_t> range(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(last - first + 1));
  std::iota(all.begin(), all.end(), first);
  return all;
}

}  // namespace portoser::agent::link
