#include "agent/collect/network.h"

#include "agent/collect/text.h"

#include <algorithm>

namespace portoser::agent::collect {

bool parse_interfaces(std::string_view text, std::vector<InterfaceCounters>& out) {
  out.clear();
  const auto first = next_line(text);
  if (!first || !first->starts_with("Inter-|") || !next_line(text)) return false;
  while (auto line = next_line(text)) {
    // "  eth0: 1 2 ..." and, from old kernels, "  eth0:1 2 ...": the name ends at the colon.
    auto name = next_field(*line, ':');
    name = next_word(name);
    InterfaceCounters counters;
    counters.name = name;
    const auto received = to_count(next_word(*line));
    for (int skipped = 0; skipped < 7; ++skipped) next_word(*line);
    const auto sent = to_count(next_word(*line));
    if (name.empty() || !received || !sent) continue;
    counters.receive_bytes = *received;
    counters.transmit_bytes = *sent;
    out.push_back(counters);
  }
  return true;
}

bool is_internal_interface(std::string_view name) {
  if (name == "lo" || name.starts_with("veth") || name.starts_with("docker")) return true;
  return name.size() == 15 && name.starts_with("br-") &&
         name.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
}

std::vector<protocol::NetworkSample> NetworkCollector::collect(double seconds,
                                                               ReadBuffer& buffer,
                                                               Problems& problems) {
  std::vector<protocol::NetworkSample> samples;
  const auto reading = file_.read(buffer);
  if (!reading || !parse_interfaces(*reading, interfaces_)) {
    before_.clear();
    if (reading) {
      problems.add("network", file_.path() + " does not begin with its header");
    } else {
      problems.add("network", file_.path(), reading.error());
    }
    return samples;
  }
  for (const auto& interface : interfaces_) {
    if (is_internal_interface(interface.name)) continue;
    protocol::NetworkSample sample;
    sample.interface = interface.name;
    sample.receive_bytes = interface.receive_bytes;
    sample.transmit_bytes = interface.transmit_bytes;
    const auto before = std::find_if(before_.begin(), before_.end(), [&](const auto& entry) {
      return entry.interface == interface.name;
    });
    // Both counters begin anew together, though only one may be seen to go back.
    if (before != before_.end() && before->receive_bytes <= sample.receive_bytes &&
        before->transmit_bytes <= sample.transmit_bytes) {
      sample.receive_bytes_per_second =
          per_second(before->receive_bytes, sample.receive_bytes, seconds);
      sample.transmit_bytes_per_second =
          per_second(before->transmit_bytes, sample.transmit_bytes, seconds);
    }
    samples.push_back(std::move(sample));
  }
  before_ = samples;
  return samples;
}

}  // namespace portoser::agent::collect
