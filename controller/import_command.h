/// `portoser-controller import-history FOLDER`: the records of the old CLI, whether or not a
/// controller runs.
#pragma once

#include <string>
#include <vector>

namespace portoser {

/// `arguments`: those behind "import-history". Returns the exit status: 1 when a file was refused.
int run_import_command(const std::vector<std::string>& arguments);

}  // namespace portoser
