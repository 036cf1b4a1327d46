/// From the text of a registry to the model. Blocking, no state; any thread.
#pragma once

#include "controller/registry/model.h"

#include <string>
#include <string_view>

namespace portoser::registry {

/// Everything that is wrong in single entries becomes a finding, and the others stay usable. What
/// makes the file useless as a whole is an `Error{invalid}` whose `where` is "file:line:column" and
/// whose `details` list all that was found: no YAML, no map, nothing in it, a duplicate host or
/// top-level key, larger than 4 MiB. Throws nothing else. `file_name` is what messages call the
/// file.
Registry parse_registry(std::string_view text, std::string_view file_name);

}  // namespace portoser::registry
