#include "controller/telemetry/exposition.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <vector>

namespace portoser::telemetry {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// How many bytes the character of UTF-8 at the beginning of `text` has; 0: it is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return follows(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool too_long = first == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = first == 0xEDU && byte(1) >= 0xA0U;
    return !too_long && !surrogate && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool too_long = first == 0xF0U && byte(1) < 0x90U;
    const bool too_large = first == 0xF4U && byte(1) >= 0x90U;
    return !too_long && !too_large && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool is_plain(unsigned char byte) {
  return byte >= 0x20U && byte < 0x7FU && byte != '\\' && byte != '"';
}

void append_escaped(std::string& out, std::string_view text, bool with_quotes) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t plain = at;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out += text.substr(at, plain - at);
    at = plain;
    if (at == text.size()) return;
    const char letter = text[at];
    const auto size = character_size(text.substr(at));
    if (letter == '\\') {
      out += "\\\\";
    } else if (letter == '\n') {
      out += "\\n";
    } else if (letter == '"') {
      out += with_quotes ? "\\\"" : "\"";
    } else if (size == 0 || static_cast<unsigned char>(letter) < 0x20U || letter == 0x7F) {
      out += replacement;
    } else {
      out += text.substr(at, size);
    }
    at += size == 0 ? 1 : size;
  }
}

template <class Range>
void append_labels(std::string& out, const Range& labels) {
  char before = '{';
  for (const auto& [label, content] : labels) {
    out += before;
    out += label;
    out += "=\"";
    append_escaped(out, content, true);
    out += '"';
    before = ',';
  }
  if (before == ',') out += '}';
}

void append_number(std::string& out, double value) {
  constexpr double exact = 9'007'199'254'740'992;  // 2^53
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else if (std::fabs(value) < exact && value == std::floor(value)) {
    const fmt::format_int digits{static_cast<std::int64_t>(value)};
    out.append(digits.data(), digits.size());
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

/// Both formats have the same, so that a series does not change its labels with the format.
std::string bound_text(double bound) {
  auto text = fmt::format("{}", bound);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

/// What the name says of the unit, in the words of OpenMetrics; empty: nothing.
std::string_view unit_of(std::string_view name) {
  constexpr std::array<std::string_view, 4> units{"seconds", "bytes", "ratio", "celsius"};
  for (const auto unit : units) {
    if (name.size() > unit.size() && name.ends_with(unit) &&
        name[name.size() - unit.size() - 1] == '_') {
      return unit;
    }
  }
  return {};
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string label_text(Labels labels) {
  std::string text;
  append_labels(text, labels);
  return text;
}

Exposition::Exposition(Format format, std::string buffer)
    : format_(format), text_(std::move(buffer)) {
  text_.clear();
}

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  auto described = name;
  if (format_ == Format::openmetrics) {
    // There these endings belong to the samples, not to the family.
    if (type == "counter") described.remove_suffix(std::string_view{"_total"}.size());
    if (type == "info") described.remove_suffix(std::string_view{"_info"}.size());
  } else if (type == "info") {
    type = "gauge";
  }
  fmt::format_to(std::back_inserter(text_), "# HELP {} ", described);
  append_escaped(text_, help, format_ == Format::openmetrics);
  fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", described, type);
  if (format_ != Format::openmetrics || type == "info") return;
  if (const auto unit = unit_of(described); !unit.empty()) {
    fmt::format_to(std::back_inserter(text_), "# UNIT {} {}\n", described, unit);
  }
}

void Exposition::sample(Labels labels, double value, std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  append_labels(text_, labels);
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::sample_at(std::string_view labels, double value) {
  text_ += name_;
  text_ += labels;
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::sample_at(std::string_view labels, const Label& more, double value) {
  text_ += name_;
  labels.remove_suffix(1);  // "}"
  text_ += labels;
  text_ += ',';
  text_ += more.first;
  text_ += "=\"";
  append_escaped(text_, more.second, true);
  text_ += "\"} ";
  append_number(text_, value);
  text_ += '\n';
}

void Exposition::histogram(Labels labels, const HistogramReading& reading) {
  if (reading.counts.empty()) return;
  std::vector<Label> with_bound{labels};
  with_bound.emplace_back("le", "");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < reading.counts.size(); ++i) {
    count += reading.counts[i];
    const auto bound =
        i < reading.bounds.size() ? bound_text(reading.bounds[i]) : std::string{"+Inf"};
    with_bound.back().second = bound;
    text_ += name_;
    text_ += "_bucket";
    append_labels(text_, with_bound);
    text_ += ' ';
    append_number(text_, static_cast<double>(count));
    text_ += '\n';
  }
  sample(labels, reading.sum_seconds, "_sum");
  sample(labels, static_cast<double>(count), "_count");
}

std::string Exposition::take() {
  if (format_ == Format::openmetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace portoser::telemetry
