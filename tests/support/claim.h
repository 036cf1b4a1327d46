/// A name that one process of this machine holds at a time.
#pragma once

#include "common/file.h"

#include <string_view>

namespace portoser::test {

/// Holds `name` for as long as the descriptor is open; closed when somebody else has it. The name
/// is an abstract unix socket's: no file is left behind, and the kernel takes it back when we die.
Descriptor claim(std::string_view name);

}  // namespace portoser::test
