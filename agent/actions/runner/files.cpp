#include "agent/actions/runner/files.h"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace portoser::agent::actions::runner {

// Each field once, for writing and for reading. Those of the first version are in all texts.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Step, name, argv, folder, may_fail)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Spec,
                                                service,
                                                locks,
                                                steps,
                                                environment,
                                                unset,
                                                deadline_ns,
                                                grace_ms,
                                                undo,
                                                undo_from,
                                                settled_from,
                                                undo_limit_ms,
                                                tidy,
                                                acts_as,
                                                settled_by,
                                                not_after_ns,
                                                is_bystander)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Outcome,
                                                exit_code,
                                                failed_step,
                                                problem,
                                                cancelled,
                                                timed_out,
                                                interrupted,
                                                undone,
                                                failed_undo,
                                                undo_problem,
                                                boot_id,
                                                uptime_ns,
                                                wall_us)

namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return value.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_text(const Spec& spec) {
  return dump(spec);
}

std::string to_text(const Outcome& outcome) {
  return dump(outcome);
}

Spec spec_from(std::string_view text) {
  const auto value = json::parse(text);
  if (!value.contains("steps")) throw std::invalid_argument{"it names no steps"};
  return value.get<Spec>();
}

Outcome outcome_from(std::string_view text) {
  const auto value = json::parse(text);
  if (!value.contains("exit_code")) throw std::invalid_argument{"it names no exit code"};
  return value.get<Outcome>();
}

}  // namespace portoser::agent::actions::runner
