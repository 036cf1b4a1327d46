#include "controller/jobs/outcome.h"

#include "controller/jobs/steps.h"

namespace portoser::jobs {

void finish(storage::JobRecord& record, const Error* error, Time now) {
  record.finished_at = now;
  if (error == nullptr) {
    record.state = "succeeded";
    record.step = "done";
    complete_steps(record.steps, now);
    return;
  }
  const auto reason = error->reason();
  const bool unclear = reason == "AGENT_LOST" || reason == "COMMAND_UNKNOWN" ||
                       reason == "ACTION_INTERRUPTED" || reason == "DEVICE_REMOVED" ||
                       reason == "DEVICE_DISABLED";
  record.state = reason == "ACTION_CANCELLED" ? "cancelled" : unclear ? "interrupted" : "failed";
  record.error_code = to_string(error->code());
  record.error_reason = reason;
  record.error_message = error->message();
  record.error_hint = error->hint();
  std::string output;
  std::string failed_step;
  for (const auto& detail : error->details()) {
    if (detail.where == "output") output += detail.message + "\n";
    if (detail.where == "step") failed_step = detail.message;
  }
  record.last_output = output;
  fail_steps(record.steps, failed_step, record.error_message, now);
}

}  // namespace portoser::jobs
