/// Compares two manifests that come side by side, entry by entry, with one of each in memory. Pure.
#pragma once

#include "agent/transfer/manifest.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

struct Differences {
  static constexpr std::size_t most_lines = 20;
  std::vector<std::string> lines;  ///< "data/x: its content differs"; the first of them
  std::uint64_t count = 0;
};

/// The next entry of a manifest; none: it has ended.
using EntrySource = std::function<std::optional<Entry>()>;

/// Of the source and of the copy. Entries of one side that come in another order than a walk's:
/// `Error{invalid}`.
Differences compare(const EntrySource& source, const EntrySource& copy);

}  // namespace portoser::agent::transfer
