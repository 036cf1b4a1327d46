/// The newest samples of one host, in spans of a quarter of an hour, until they are sealed into
/// blocks of the database. Owned by `Series`, which guards it.
#pragma once

#include "common/clock.h"
#include "controller/telemetry/logged_sample.h"
#include "controller/telemetry/sample_numbers.h"
#include "controller/telemetry/span.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace portoser::telemetry {

/// Of a host; more are not kept: a host that invents names must not fill the memory.
inline constexpr std::size_t most_series = 4096;
/// In a span; one each 45 ms.
inline constexpr std::size_t most_samples = 20'000;
/// Of a host at a time: a day, with some to spare.
inline constexpr std::size_t most_spans = 128;
/// Of all spans of a host.
inline constexpr std::size_t most_bytes_of_a_host = std::size_t{32} << 20U;

class HostSeries {
 public:
  /// False: it was taken before, or names itself as no agent does. Samples without a number are
  /// always new.
  bool take(const std::string& boot_id, std::int64_t number);
  /// Returns how many values were kept: fewer than it has where the host is at a limit.
  std::size_t add(const SampleRecord& record,
                  std::int64_t log_id,
                  Uptime now,
                  const JoinHistory& joins);

  [[nodiscard]] const std::vector<std::shared_ptr<Span>>& spans() const { return spans_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< of all spans
  /// Those spans are in the database, or given up.
  void drop(const Span& span);

  /// The neighbour of a sample that comes now; null: none is known. Only for agents that send no
  /// rates: it is the nearest of those that came before, which need not be the one that was taken
  /// before.
  [[nodiscard]] std::shared_ptr<const protocol::Sample> before(
      const protocol::Sample& sample) const;
  void remember(std::shared_ptr<const protocol::Sample> sample);

  SampleNumbers sealed;  ///< in blocks of the database
  void know(const SampleNumbers& numbers) { seen_.add(numbers); }

 private:
  Span* open_span(std::int64_t start_ms, std::int64_t log_id, Uptime now);
  std::size_t append(Span& span, const SampleRecord& record);

  SampleNumbers seen_;
  std::vector<std::shared_ptr<Span>> spans_;  ///< in the order in which they began
  std::size_t bytes_ = 0;
  // The live stream and the one of late samples, each in order.
  std::shared_ptr<const protocol::Sample> newest_;
  std::shared_ptr<const protocol::Sample> newest_late_;
  std::vector<std::size_t> layout_;  ///< column of the i-th value of the sample before
};

}  // namespace portoser::telemetry
