#include "controller/telemetry/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>
#include <vector>

namespace portoser::telemetry {
namespace {

void append_escaped(std::string& out, std::string_view text, bool in_label) {
  for (const char letter : text) {
    if (letter == '\\') {
      out += "\\\\";
    } else if (letter == '\n') {
      out += "\\n";
    } else if (letter == '"' && in_label) {
      out += "\\\"";
    } else {
      out += letter;
    }
  }
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} ", name);
  append_escaped(text_, help, false);
  fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", name, type);
}

void Exposition::sample(Labels labels, double value, std::string_view suffix) {
  write({labels.begin(), labels.size()}, value, suffix);
}

void Exposition::histogram(Labels labels, const HistogramReading& reading) {
  std::vector<Label> with_bound{labels};
  with_bound.emplace_back("le", "");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < reading.counts.size(); ++i) {
    count += reading.counts[i];
    const auto bound =
        i < reading.bounds.size() ? fmt::format("{}", reading.bounds[i]) : std::string{"+Inf"};
    with_bound.back().second = bound;
    write(with_bound, static_cast<double>(count), "_bucket");
  }
  sample(labels, reading.sum_seconds, "_sum");
  sample(labels, static_cast<double>(count), "_count");
}

void Exposition::write(std::span<const Label> labels, double value, std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  for (const auto& [label, content] : labels) {
    text_ += before;
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, content, true);
    text_ += '"';
    before = ',';
  }
  if (before == ',') text_ += '}';
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

}  // namespace portoser::telemetry
