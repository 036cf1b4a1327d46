/// Ids that follow from another one. Any thread.
#pragma once

#include <string>

namespace portoser {

/// A ULID with the time of `ulid`, always the same for the same two texts: who does a thing again
/// asks for it by the id that it had. `ulid` is none: `Error{invalid}`.
std::string derived_ulid(const std::string& ulid, const std::string& what);

}  // namespace portoser
