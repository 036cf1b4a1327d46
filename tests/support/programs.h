/// Where the programs under test are.
#pragma once

#include <filesystem>

namespace portoser::test {

/// The build folder: `PORTOSER_BIN_DIR`, else the one these tests were built in.
std::filesystem::path build_folder();

/// `Error{not_found}` with the place that was tried when they were not built.
std::filesystem::path controller_program();
std::filesystem::path agent_program();

}  // namespace portoser::test
