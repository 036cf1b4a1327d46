/// A unix socket that programs of this host connect to.
#pragma once

#include "common/file.h"

#include <filesystem>

namespace portoser::agent::streams {

/// Listens at `path`, for its owner alone; what was there is removed first. Longer than an address
/// may be is well, as long as the folder is there. Cannot: `Error{internal}`. Does not block, and
/// neither does the descriptor.
Descriptor listen_at(const std::filesystem::path& path);

}  // namespace portoser::agent::streams
