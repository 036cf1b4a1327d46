/// A host that nobody owns: values that wander as those of real hosts do, so that storing them
/// costs what it costs in life. The same seed makes the same values.
#pragma once

#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::bench {

class MadeUpHost {
 public:
  /// Its services are named `NAME-service-0` and so on.
  MadeUpHost(std::string name, std::size_t services, std::uint64_t seed);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string service(std::size_t index) const;
  [[nodiscard]] const std::string& boot_id() const { return boot_id_; }

  /// The values a while later. `when`: of this host's boot.
  const protocol::Sample& next(const protocol::Moment& when, double seconds);
  /// Its containers, all running.
  [[nodiscard]] protocol::State state(const protocol::Moment& when) const;

 private:
  double wander(double value, double step, double low, double high);
  /// Bytes of a rate that is mostly small and sometimes is not.
  std::int64_t traffic(double seconds);
  /// Some hosts are busy, most are not; and most of the time little happens.
  bool happens(double share);

  std::string name_;
  std::string boot_id_;
  std::mt19937_64 random_;
  protocol::Sample sample_;
};

/// As an exporter would show a sample: 14 values of the host and 8 of each service.
using ShowValue = std::function<void(
    std::string_view family, std::string_view label, std::string_view subject, double value)>;
void for_each_value(const protocol::Sample& sample, const ShowValue& show);
constexpr std::size_t values_of_host = 14;
constexpr std::size_t values_of_service = 8;

/// The sample in the text format of Prometheus, each line with `host`.
std::string exposition_of(const std::string& host, const protocol::Sample& sample);

}  // namespace portoser::bench
