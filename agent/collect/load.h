/// Load averages of the last 1, 5 and 15 minutes, from /proc/loadavg.
#pragma once

#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"
#include "protocol/messages.h"

#include <array>
#include <optional>
#include <string_view>

namespace portoser::agent::collect {

std::optional<std::array<double, 3>> parse_loadavg(std::string_view text);

class LoadCollector {
 public:
  explicit LoadCollector(const std::string& proc) : file_(proc + "/loadavg") {}
  void collect(ReadBuffer& buffer, Problems& problems, protocol::CpuSample& out);

 private:
  PseudoFile file_;
};

}  // namespace portoser::agent::collect
