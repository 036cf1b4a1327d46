#include "agent/actions/runner/files.h"

#include <nlohmann/json.hpp>

namespace portoser::agent::actions::runner {

// Each field once, for writing and for reading.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Step, name, argv, folder, may_fail)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(
    Spec, service, locks, steps, environment, unset, deadline_ns, grace_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(
    Outcome, exit_code, failed_step, problem, cancelled, timed_out, boot_id, uptime_ns, wall_us)

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
  return json::parse(text).get<Spec>();
}

Outcome outcome_from(std::string_view text) {
  return json::parse(text).get<Outcome>();
}

}  // namespace portoser::agent::actions::runner
