#include "agent/actions/runner/files.h"

#include <nlohmann/json.hpp>

namespace portoser::agent::actions::runner {
namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return value.dump(1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string to_text(const Spec& spec) {
  auto steps = json::array();
  for (const auto& step : spec.steps) {
    steps.push_back({{"name", step.name},
                     {"argv", step.argv},
                     {"folder", step.folder},
                     {"may_fail", step.may_fail}});
  }
  return dump({{"service", spec.service},
               {"locks", spec.locks},
               {"steps", steps},
               {"environment", spec.environment},
               {"unset", spec.unset},
               {"deadline_ns", spec.deadline_ns},
               {"grace_ms", spec.grace_ms}});
}

std::string to_text(const Outcome& outcome) {
  return dump({{"exit_code", outcome.exit_code},
               {"failed_step", outcome.failed_step},
               {"problem", outcome.problem},
               {"cancelled", outcome.cancelled},
               {"timed_out", outcome.timed_out},
               {"boot_id", outcome.boot_id},
               {"uptime_ns", outcome.uptime_ns},
               {"wall_us", outcome.wall_us}});
}

Spec spec_from(std::string_view text) {
  const auto value = json::parse(text);
  Spec spec;
  value.at("service").get_to(spec.service);
  value.at("locks").get_to(spec.locks);
  for (const auto& entry : value.at("steps")) {
    auto& step = spec.steps.emplace_back();
    entry.at("name").get_to(step.name);
    entry.at("argv").get_to(step.argv);
    entry.at("folder").get_to(step.folder);
    entry.at("may_fail").get_to(step.may_fail);
  }
  value.at("environment").get_to(spec.environment);
  value.at("unset").get_to(spec.unset);
  value.at("deadline_ns").get_to(spec.deadline_ns);
  value.at("grace_ms").get_to(spec.grace_ms);
  return spec;
}

Outcome outcome_from(std::string_view text) {
  const auto value = json::parse(text);
  Outcome outcome;
  value.at("exit_code").get_to(outcome.exit_code);
  value.at("failed_step").get_to(outcome.failed_step);
  value.at("problem").get_to(outcome.problem);
  value.at("cancelled").get_to(outcome.cancelled);
  value.at("timed_out").get_to(outcome.timed_out);
  value.at("boot_id").get_to(outcome.boot_id);
  value.at("uptime_ns").get_to(outcome.uptime_ns);
  value.at("wall_us").get_to(outcome.wall_us);
  return outcome;
}

}  // namespace portoser::agent::actions::runner
