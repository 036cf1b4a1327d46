/// Text in the Prometheus exposition format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/), written into one buffer.
#pragma once

#include "common/histogram.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace portoser::telemetry {

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

class Exposition {
 public:
  /// Begins a family; its samples follow before the next one begins. `type`: counter, gauge,
  /// histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the family, with `suffix` behind its name ("_bucket").
  void sample(Labels labels, double value, std::string_view suffix = {});
  /// The buckets, sum and count of a family of type histogram.
  void histogram(Labels labels, const HistogramReading& reading);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void write(std::span<const Label> labels, double value, std::string_view suffix);

  std::string text_;
  std::string name_;
};

}  // namespace portoser::telemetry
