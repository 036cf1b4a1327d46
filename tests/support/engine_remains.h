/// How a private engine goes: by force, and whole. The same for one that is no longer needed and
/// for one whose test program crashed. Only engine.cpp needs this.
#pragma once

#include "tests/support/process.h"

#include <filesystem>
#include <string>

namespace portoser::test {

/// The variable that marks every process of the engine in `folder`: dockerd and containerd hand it
/// on to the shims and proxies they start.
Environment mark_of(const std::filesystem::path& folder);

/// Ends the engine's processes and its containers, removes mounts, cgroups, bridges with an address
/// in `range` ("198.18.0.0/21") and `folder` itself. `Error{internal}` when something resists.
void remove_remains(const std::filesystem::path& folder, const std::string& range);

}  // namespace portoser::test
