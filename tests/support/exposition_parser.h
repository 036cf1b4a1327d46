/// A strict reader of what Prometheus scrapes, by the letter of the formats: for tests of a page.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::test {

enum class ExpositionFormat { text, openmetrics };

struct ParsedSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct ParsedFamily {
  std::string type;
  std::string help;
  std::string unit;
  std::vector<ParsedSample> samples;
};

/// By the family's name.
using ParsedPage = std::map<std::string, ParsedFamily>;

/// Whatever a strict parser would not take is a `std::runtime_error` that names the line: text that
/// is no UTF-8; a family that comes twice, or lacks its type or its help; a sample that belongs to
/// no family, or not to the one before it, or comes twice; a bad name, escape or number; a
/// histogram whose buckets do not add up; in OpenMetrics the end that is missing and a unit that is
/// not in the name.
ParsedPage parse_exposition(std::string_view text, ExpositionFormat format);

/// The value of the one series with these labels among others; NaN when there is none, or several.
double value_of(const ParsedPage& page,
                const std::string& name,
                const std::map<std::string, std::string>& labels = {});

}  // namespace portoser::test
