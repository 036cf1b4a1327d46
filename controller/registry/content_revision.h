/// What tells one state of an entry from the next. Private to the room.
#pragma once

#include "controller/registry/tree.h"

#include <string>

namespace portoser::registry {

/// 16 hex digits that are equal for equal content, whatever its layout. They depend on a random
/// number of this process: of a password in the entry they tell nothing to who tries words.
std::string content_revision(const Node& node);

}  // namespace portoser::registry
