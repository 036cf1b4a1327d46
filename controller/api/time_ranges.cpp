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

std::optional<std::string> range_of(const http::CallContext& call) {
  auto range = call.query("timeRange");
  return range ? range : call.query("time_range");
}

}  // namespace portoser::api
