/// Traffic of network interfaces, from /proc/net/dev.
#pragma once

#include "agent/collect/problems.h"
#include "agent/collect/pseudo_file.h"
#include "protocol/messages.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

struct InterfaceCounters {
  std::string_view name;  ///< part of the text that was parsed
  std::int64_t receive_bytes = 0;
  std::int64_t transmit_bytes = 0;
};

/// Fills `out`, whose memory is used again; a line that is not understood is left out. False when
/// the two lines of the header are missing.
bool parse_interfaces(std::string_view text, std::vector<InterfaceCounters>& out);

/// What the host has for itself or for its containers: lo, veth*, docker*, br-<12 hexadecimal
/// digits>. A bridge that a person named is not among them.
bool is_internal_interface(std::string_view name);

class NetworkCollector {
 public:
  explicit NetworkCollector(const std::string& proc) : file_(proc + "/net/dev") {}

  /// `seconds` since the sample before; 0: this is the first. No rate for an interface that is new
  /// or whose counter began anew.
  std::vector<protocol::NetworkSample> collect(double seconds,
                                               ReadBuffer& buffer,
                                               Problems& problems);

 private:
  PseudoFile file_;
  std::vector<InterfaceCounters> interfaces_;
  std::vector<protocol::NetworkSample> before_;
};

}  // namespace portoser::agent::collect
