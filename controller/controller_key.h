/// The controller's CURVE key pair: made at the first start, kept in the data folder.
#pragma once

#include "protocol/curve.h"

#include <filesystem>

namespace portoser {

/// Reads `<data>/controller.key`, or makes it (0600). Readable by others: `Error{invalid}`.
protocol::KeyPair load_controller_key(const std::filesystem::path& data);

}  // namespace portoser
