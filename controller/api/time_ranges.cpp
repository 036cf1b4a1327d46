#include "controller/api/time_ranges.h"

#include "controller/telemetry/usage_history.h"

namespace portoser::api {

std::vector<http::Parameter> range_parameters(const std::string& description, Code refused_as) {
  std::vector<std::string> names;
  for (const auto& range : telemetry::time_ranges) names.emplace_back(range.name);
  return {
      {.name = "timeRange", .description = description, .allowed = names, .refused_as = refused_as},
      {.name = "time_range",
       .description = "the same",
       .allowed = names,
       .refused_as = refused_as}};
}

namespace {

constexpr std::size_t date_length = 10;  // "2026-03-04", as a field of a form gives it

std::optional<Time> time_of(const http::CallContext& call, const std::string& name) {
  const auto text = call.query(name);
  if (!text) return std::nullopt;
  if (const auto time = time_from_rfc3339(*text)) return time;
  if (const auto day = time_from_rfc3339(*text + "T00:00:00Z")) return day;
  throw Error{Code::invalid, "\"" + *text + "\" is no time", "query." + name}.hint(
      "for example 2026-03-04 or 2026-03-04T09:15:00Z");
}

}  // namespace

std::optional<Time> begin_of(const http::CallContext& call, const std::string& name) {
  return time_of(call, name);
}

std::optional<Time> end_of(const http::CallContext& call, const std::string& name) {
  auto time = time_of(call, name);
  if (time && call.query(name)->size() == date_length) *time += std::chrono::hours{24};
  return time;
}

std::optional<std::string> range_of(const http::CallContext& call) {
  auto range = call.query("timeRange");
  return range ? range : call.query("time_range");
}

}  // namespace portoser::api
