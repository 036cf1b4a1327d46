/// Which samples of a host were taken, by boot and number: stretches without a hole, so that a day
/// of samples is some bytes. Not safe to share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// Bounded: the lowest numbers of a boot with more than 256 stretches and the oldest of more than 8
/// boots are forgotten; a sample of theirs that comes again is taken for a new one.
class SampleNumbers {
 public:
  /// False: it was there.
  bool add(const std::string& boot_id, std::int64_t number);
  void add(const SampleNumbers& other);
  [[nodiscard]] bool contains(const std::string& boot_id, std::int64_t number) const;

  [[nodiscard]] std::string encode() const;
  /// Bytes that `encode` did not make: `Error{internal}`.
  static SampleNumbers decode(std::string_view bytes);
  bool operator==(const SampleNumbers&) const = default;

 private:
  struct Stretch {
    std::int64_t first = 0;
    std::int64_t last = 0;
    bool operator==(const Stretch&) const = default;
  };
  struct Boot {
    std::string id;
    std::vector<Stretch> stretches;  ///< rising, never touching
    bool operator==(const Boot&) const = default;
  };
  Boot& boot(const std::string& id);
  static bool add(Boot& boot, Stretch stretch);

  std::vector<Boot> boots_;  ///< in the order in which they were met
};

}  // namespace portoser::telemetry
