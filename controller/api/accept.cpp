#include "controller/api/accept.h"

#include "controller/http/request.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace portoser::api {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What stands before the next `separator`, which is taken off `text` with it.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return trimmed(part);
}

struct MediaRange {
  std::string_view type;
  std::string_view version;  ///< empty: any
  double quality = 1;
};

/// 0 to 1; anything else: nothing.
std::optional<double> quality_of(std::string_view text) {
  double quality = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), quality);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole && quality >= 0 && quality <= 1 ? std::optional{quality} : std::nullopt;
}

/// None: it cannot be read and counts for nothing.
std::optional<MediaRange> media_range(std::string_view text) {
  MediaRange range;
  range.type = take_until(text, ';');
  while (!text.empty()) {
    auto value = take_until(text, ';');
    const auto name = take_until(value, '=');
    value = trimmed(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (http::equals_ignoring_case(name, "version")) range.version = value;
    if (http::equals_ignoring_case(name, "q")) {
      const auto quality = quality_of(value);
      if (!quality) return std::nullopt;
      range.quality = *quality;
    }
  }
  return range;
}

}  // namespace

telemetry::Format format_for(std::string_view accept) {
  double openmetrics = 0;
  // The more exact range counts, whatever its quality.
  int exactness = 0;
  double text = 0;
  while (!accept.empty()) {
    const auto range = media_range(take_until(accept, ','));
    if (!range) continue;
    const auto is = [&](std::string_view type) {
      return http::equals_ignoring_case(range->type, type);
    };
    const auto take_text = [&](int exact) {
      if (exact < exactness) return;
      text = exact == exactness ? std::max(text, range->quality) : range->quality;
      exactness = exact;
    };
    if (is("application/openmetrics-text")) {
      const bool is_ours = range->version.empty() || range->version == "1.0.0";
      if (is_ours) openmetrics = std::max(openmetrics, range->quality);
    } else if (is("text/plain")) {
      if (range->version.empty() || range->version == "0.0.4") take_text(3);
    } else if (is("text/*")) {
      take_text(2);
    } else if (is("*/*")) {
      take_text(1);
    }
  }
  return openmetrics > 0 && openmetrics >= text ? telemetry::Format::openmetrics
                                                : telemetry::Format::text;
}

}  // namespace portoser::api
