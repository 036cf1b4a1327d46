/// Memory and swap, from /proc/meminfo.
#pragma once

#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"
#include "protocol/messages.h"

#include <optional>
#include <string_view>

namespace portoser::agent::collect {

/// nullopt when the total or what is available is missing. Kernels without swap say nothing of it:
/// 0.
std::optional<protocol::MemorySample> parse_meminfo(std::string_view text);

class MemoryCollector {
 public:
  explicit MemoryCollector(const std::string& proc) : file_(proc + "/meminfo") {}
  std::optional<protocol::MemorySample> collect(ReadBuffer& buffer, Problems& problems);

 private:
  PseudoFile file_;
};

}  // namespace portoser::agent::collect
