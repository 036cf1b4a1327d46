/// Temperatures of this host, from the sensors that the kernel's drivers show below
/// /sys/class/hwmon (temp*_input in thousandths of a degree Celsius).
///
/// Source: Documentation/hwmon/sysfs-interface.rst of the kernel.
#pragma once

#include "agent/collect/pseudo_file.h"
#include "protocol/messages.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

/// Nothing when it is no number, or none that a machine at work can have.
std::optional<double> parse_temperature(std::string_view text);

/// Looks for sensors once a minute: they come and go with modules and disks. A machine without any
/// (most virtual ones) costs a look at an empty folder a minute.
class TemperatureCollector {
 public:
  /// `root` stands before /sys.
  explicit TemperatureCollector(const std::string& root) : folder_(root + "/sys/class/hwmon") {}

  /// A sensor that cannot be read now is left out, and so are disks behind `drivetemp`.
  std::vector<protocol::TemperatureSample> collect(double seconds, ReadBuffer& buffer);

 private:
  struct Sensor {
    std::string name;
    PseudoFile file;
  };
  void look(ReadBuffer& buffer);

  std::string folder_;
  std::vector<Sensor> sensors_;
  double until_look_ = 0;  ///< seconds
};

}  // namespace portoser::agent::collect
