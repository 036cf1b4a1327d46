/// Series over a database of their own, and a host that tells them what it measures.
#pragma once

#include "controller/telemetry/series.h"
#include "tests/unit/storage/storage_test.h"
#include "tests/unit/telemetry/played_host.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::telemetry {

using namespace std::chrono_literals;

inline const SeriesKey cpu{"", Metric::cpu_percent, ""};

/// A host that measures every five seconds; its processor's load is the number of its sample.
class SeriesTest : public storage::StorageTest {
 protected:
  SeriesTest() {
    // Noon, at the beginning of a span.
    clock_.set_wall(noon);
    begin();
  }

  void begin() {
    open();
    make_series();
  }
  void make_series(SeriesSettings settings = {}) {
    series_.emplace(*database_, clock_, settings);
    run(series_->start());
    run(series_->restore());
  }
  /// As after a SIGKILL: what was not logged is lost.
  void restart() {
    series_.reset();
    close();
    begin();
  }

  static Time time_of(int number) { return noon + 5s * number; }
  void tell(int number, const std::string& host = "brick") {
    auto sample = std::make_shared<protocol::Sample>();
    sample->when.boot_id = "boot";
    sample->when.uptime_ns = std::int64_t{number} * 5'000'000'000;
    sample->number = 1000 + number;
    sample->cpu.percent = number % 100;
    sample->services = {{"notes", number % 100 < 50}};
    series_->measured(host, time_of(number), sample);
  }
  /// Live: the clock goes on with them.
  void tell_live(int first, int last) {
    for (int number = first; number <= last; ++number) {
      clock_.set_wall(time_of(number));
      tell(number);
    }
  }
  void seal_all() {
    run(series_->write_log());
    while (run(series_->seal_some(true))) {
    }
  }
  std::vector<std::optional<SeriesPoint>> read(Time from,
                                               Time to,
                                               std::chrono::milliseconds step,
                                               const SeriesKey& key = cpu,
                                               const std::string& host = "brick") {
    SeriesQuery query;
    query.host = host;
    query.keys = {key};
    query.from = from;
    query.to = to;
    query.step = step;
    return run(series_->read(query)).points.at(0);
  }
  std::int64_t count(Time from, Time to, std::chrono::milliseconds step) {
    std::int64_t count = 0;
    for (const auto& point : read(from, to, step)) count += point ? point->count : 0;
    return count;
  }
  static std::vector<std::optional<double>> means(
      const std::vector<std::optional<SeriesPoint>>& points) {
    std::vector<std::optional<double>> means;
    for (const auto& point : points) {
      means.push_back(point ? std::optional{point->mean} : std::nullopt);
    }
    return means;
  }

  std::optional<Series> series_;
};

}  // namespace portoser::telemetry
