/// Text for Prometheus, written into one buffer: the exposition format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/) or OpenMetrics 1.0
/// (https://github.com/prometheus/OpenMetrics). Series have the same names and labels in both.
#pragma once

#include "common/histogram.h"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace portoser::telemetry {

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

enum class Format { text, openmetrics };

std::string_view content_type(Format format);

/// Labels as they stand in both formats, for samples of several families: `{a="1",b="2"}`. What a
/// parser would stumble over in a value (invalid UTF-8, control characters) is replaced.
std::string label_text(Labels labels);

class Exposition {
 public:
  /// Writes into the memory of `buffer`, whose content goes.
  explicit Exposition(Format format = Format::text, std::string buffer = {});

  /// Begins a family; its samples follow before the next one begins. `type`: counter (its name ends
  /// in "_total"), gauge, histogram, or info (its name ends in "_info", its samples are 1).
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// A sample of the family, with `suffix` behind its name ("_bucket").
  void sample(Labels labels, double value, std::string_view suffix = {});
  /// The same with what `label_text` made.
  void sample_at(std::string_view labels, double value);
  /// The same with one label more, which `labels` (not empty) does not have.
  void sample_at(std::string_view labels, const Label& more, double value);
  /// The buckets, sum and count of a family of type histogram.
  void histogram(Labels labels, const HistogramReading& reading);

  /// The text, with its end. Nothing is written after that.
  [[nodiscard]] std::string take();

 private:
  Format format_;
  std::string text_;
  std::string name_;
};

}  // namespace portoser::telemetry
