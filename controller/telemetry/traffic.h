/// What came and went on a host since the controller knows it, as counters that never go back. The
/// counters of containers and interfaces do: each begins anew on its own, and their sum would fall
/// to what the others have, which Prometheus takes for traffic of that size.
#pragma once

#include "protocol/messages.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::telemetry {

/// Empty members are unknown.
struct Traffic {
  std::optional<std::int64_t> receive_bytes;
  std::optional<std::int64_t> transmit_bytes;
  std::optional<std::int64_t> block_read_bytes;
  std::optional<std::int64_t> block_write_bytes;
};

/// The totals of one host and of its services. Used by one thread at a time.
///
/// Each container and interface adds its own increase from one sample to the next. One that fell
/// began at 0 in between, and after a boot all did: their whole value is new. (One that began anew
/// and has overtaken its old value since cannot be told from one that went on; it counts for the
/// difference.) What is seen for the first time adds nothing, since nobody knows how much of its
/// value is older than we are: a total lacks the seconds before the first sample of a container
/// rather than have a year's traffic in one. So totals begin at 0, and Prometheus' `increase()`
/// holds across a restart of containers, hosts and the controller itself.
class TrafficMeter {
 public:
  /// `state` says whose the containers are; null: nobody has said yet.
  void measured(std::shared_ptr<const protocol::Sample> sample, const protocol::State* state);
  /// A service that is not in it takes its total away.
  void assigned(const protocol::State& state);

  [[nodiscard]] const Traffic& host() const { return host_; }  ///< all interfaces; no block devices
  [[nodiscard]] Traffic of(std::string_view service) const;    ///< all containers

 private:
  /// By the name of the interface or the container's id; each once and in order.
  using Reading = std::vector<std::pair<std::string_view, Traffic>>;
  using Missing = std::map<std::string, Traffic, std::less<>>;

  static Reading interfaces_of(const protocol::Sample& sample);
  static Reading containers_of(const protocol::Sample& sample);
  static Reading increases(const Reading& before,
                           const Reading& now,
                           bool has_booted,
                           Missing& missing);
  void add_to_services(const protocol::State& state, const Reading& containers);

  std::shared_ptr<const protocol::Sample> newest_;
  Traffic host_;
  std::map<std::string, Traffic, std::less<>> services_;
  // As they were in the last sample that had them: a sample without them need not be their end.
  Missing missing_interfaces_;
  Missing missing_containers_;
};

}  // namespace portoser::telemetry
