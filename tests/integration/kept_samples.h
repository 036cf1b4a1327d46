/// What an agent has in its backlog after hours without its controller, written as it does itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace portoser::test {

/// `count` samples of a boot before this one, `apart` from each other, of a host with 20
/// containers, into the data folder of an agent that does not run. Returns how many bytes they are.
std::size_t keep_samples(const std::filesystem::path& agent_data,
                         std::size_t count,
                         std::chrono::seconds apart);

}  // namespace portoser::test
