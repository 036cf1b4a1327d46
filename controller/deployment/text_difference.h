/// What one text has that another has not, as people read it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace portoser::deployment {

/// The difference in the unified format, without names of files; empty: they are the same. Of texts
/// that end without a line end that is not shown. Of more than 2,000 lines together every line
/// counts as changed.
std::string unified_difference(std::string_view before, std::string_view after);

}  // namespace portoser::deployment
