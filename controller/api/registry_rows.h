/// Why registry.yml cannot be read, as answers show it.
#pragma once

#include "common/describe.h"
#include "controller/registry/watch.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct ProblemDetail {
  std::string where;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(ProblemDetail, (), (where, message))

struct RegistryProblem {
  std::string message;
  std::string where;  ///< "<path>:12:3", or the path alone
  std::string hint;
  std::vector<ProblemDetail> details;
};
BOOST_DESCRIBE_STRUCT(RegistryProblem, (), (message, where, hint, details))

/// Empty when there is none.
inline std::optional<RegistryProblem> problem_row(const std::optional<registry::Problem>& problem) {
  if (!problem) return std::nullopt;
  RegistryProblem row;
  row.message = problem->message;
  row.where = problem->where;
  row.hint = problem->hint;
  for (const auto& detail : problem->details) {
    row.details.push_back({detail.where, detail.message});
  }
  return row;
}

}  // namespace portoser::api
