// The only source that knows protobuf and snappy.
#include "controller/telemetry/write_request.h"

#include "common/error.h"
#include "controller/telemetry/outgoing_sample.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <remote_write.pb.h>
#include <snappy.h>
#include <utility>

namespace portoser::telemetry {
namespace {

namespace wire = portoser::remote_write;

/// The NaN that ends a series; its bits are given by Prometheus (model/value, StaleNaN).
constexpr std::uint64_t stale_bits = 0x7ff0000000000002U;

struct TimedValue {
  std::int64_t time_ms = 0;
  double value = 0;
};

/// One series and what is to be sent of it.
struct OutgoingSeries {
  std::map<std::string, std::string> labels;
  std::vector<TimedValue> values;
};

/// Length of the UTF-8 sequence at the beginning; 0: it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto is_tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return is_tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // Neither longer than needed nor half of a surrogate pair.
    const bool second = is_tail(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && is_tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = is_tail(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && is_tail(2) && is_tail(3) ? 4 : 0;
  }
  return 0;
}

std::map<std::string, std::string> labels_of(const std::string& host,
                                             const OutgoingValue& value,
                                             const ExternalLabels& external) {
  const auto& info = *info_of(value.family);
  std::map<std::string, std::string> labels;
  // An empty label is the same as none.
  const auto put = [&](std::string_view name, std::string_view content) {
    if (!content.empty()) labels.emplace(name, valid_utf8(content));
  };
  put("__name__", info.name);
  put("machine", host);
  for (std::size_t i = 0; i < info.labels.size() && !info.labels[i].empty(); ++i) {
    put(info.labels[i], value.labels[i]);
  }
  for (const auto& [name, content] : external) put(name, content);
  return labels;
}

/// Of all rows, each series once.
class SeriesTable {
 public:
  explicit SeriesTable(const ExternalLabels& external) : external_(external) {}

  void add(const std::string& host, const OutgoingRecord& record) {
    for (const auto& value : record.values) {
      const double sent = value.is_stale ? std::bit_cast<double>(stale_bits) : value.value;
      series_of(host, value).values.push_back({record.time_ms, sent});
    }
  }
  std::vector<OutgoingSeries> take() {
    for (auto& one : series_) put_in_order(one.values);
    return std::move(series_);
  }

 private:
  OutgoingSeries& series_of(const std::string& host, const OutgoingValue& value) {
    key_.assign(host);
    key_ += '\0';
    key_ += static_cast<char>(value.family);
    for (const auto& label : value.labels) {
      key_ += label;
      key_ += '\0';
    }
    const auto [found, is_new] = places_.try_emplace(key_, series_.size());
    if (is_new) series_.push_back({labels_of(host, value, external_), {}});
    return series_[found->second];
  }

  static void put_in_order(std::vector<TimedValue>& values) {
    std::stable_sort(values.begin(), values.end(), [](const auto& one, const auto& other) {
      return one.time_ms < other.time_ms;
    });
    std::vector<TimedValue> once;
    for (const auto& value : values) {
      if (!once.empty() && once.back().time_ms == value.time_ms) once.pop_back();
      once.push_back(value);
    }
    values = std::move(once);
  }

  const ExternalLabels& external_;
  std::map<std::string, std::size_t> places_;
  std::vector<OutgoingSeries> series_;
  std::string key_;
};

class RequestWriter {
 public:
  explicit RequestWriter(std::size_t most_samples)
      : most_(std::max<std::size_t>(most_samples, 1)) {}

  void add(const OutgoingSeries& series) {
    std::size_t at = 0;
    while (at < series.values.size()) {
      if (samples_ == most_) finish();
      const auto count = std::min(series.values.size() - at, most_ - samples_);
      write(series, at, count);
      at += count;
      samples_ += count;
    }
  }
  std::vector<WriteRequest> take() {
    if (samples_ > 0) finish();
    return std::move(requests_);
  }

 private:
  void write(const OutgoingSeries& series, std::size_t begin, std::size_t count) {
    auto& out = *request_.add_timeseries();
    for (const auto& [name, value] : series.labels) {
      auto& label = *out.add_labels();
      label.set_name(name);
      label.set_value(value);
    }
    for (auto i = begin; i < begin + count; ++i) {
      auto& sample = *out.add_samples();
      sample.set_value(series.values[i].value);
      sample.set_timestamp(series.values[i].time_ms);
    }
  }
  void finish() {
    WriteRequest made;
    const auto plain = request_.SerializeAsString();
    snappy::Compress(plain.data(), plain.size(), &made.body);
    made.samples = static_cast<std::int64_t>(samples_);
    requests_.push_back(std::move(made));
    request_.Clear();
    samples_ = 0;
  }

  const std::size_t most_;
  wire::WriteRequest request_;
  std::size_t samples_ = 0;
  std::vector<WriteRequest> requests_;
};

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) {
      valid += "\xEF\xBF\xBD";
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

WriteRequests make_requests(const std::vector<storage::OutgoingSample>& rows,
                            const ExternalLabels& external,
                            std::size_t most_samples) {
  WriteRequests made;
  SeriesTable table{external};
  for (const auto& row : rows) {
    std::optional<OutgoingRecord> record;
    try {
      record = decode_outgoing(row.data);
    } catch (const Error&) {
      made.damaged += row.samples;
      continue;
    }
    table.add(row.host, *record);
  }
  RequestWriter writer{most_samples};
  for (const auto& series : table.take()) writer.add(series);
  made.requests = writer.take();
  return made;
}

WriteRequest make_probe(std::int64_t time_ms, const ExternalLabels& external) {
  constexpr std::size_t count = 64;
  RequestWriter writer{count};
  for (std::size_t i = 0; i < count; ++i) {
    OutgoingSeries series;
    series.labels = {{"__name__", "portoser_remote_write_probe"}, {"number", std::to_string(i)}};
    for (const auto& [name, content] : external) {
      if (!content.empty()) series.labels.emplace(name, valid_utf8(content));
    }
    series.values.push_back({time_ms, 1});
    writer.add(series);
  }
  return std::move(writer.take().front());
}

}  // namespace portoser::telemetry
