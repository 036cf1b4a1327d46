/// The files that compose reads for a service beside what its containers mount. Pure.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::inspection {

/// The compose file itself, `.env`, every `env_file`, and what it extends or includes; absolute,
/// each once. A name with a variable in it is not among them, nor is what those files name.
std::vector<std::string> files_read_by_compose(const std::filesystem::path& compose_file,
                                               std::string_view compose_text,
                                               const std::string& compose_service);

}  // namespace portoser::agent::inspection
