#include "agent/services/checkpoint.h"

#include "common/describe_json.h"
#include "common/error.h"

#include <fmt/format.h>

namespace portoser::agent::services {

std::string to_text(const Checkpoint& checkpoint) {
  return dump(to_json(checkpoint));
}

Checkpoint checkpoint_from(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) throw Error{Code::invalid, "the checkpoint is not whole"};
  Checkpoint checkpoint;
  checkpoint.version = 0;
  from_json(json, checkpoint, "checkpoint");
  if (checkpoint.version != Checkpoint::present_version) {
    throw Error{Code::invalid,
                fmt::format("the checkpoint has version {}; this agent reads {}",
                            checkpoint.version,
                            Checkpoint::present_version)};
  }
  return checkpoint;
}

}  // namespace portoser::agent::services
