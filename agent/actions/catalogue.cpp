#include "agent/actions/catalogue.h"

#include <fmt/format.h>

namespace portoser::agent::actions {

const Action& Catalogue::at(const std::string& name) const {
  const auto found = actions_.find(name);
  if (found == actions_.end()) {
    throw Error{Code::invalid, fmt::format("this agent has no command \"{}\"", name), "name"}
        .reason("UNKNOWN_COMMAND")
        .hint("the controller is newer than this agent: upgrade the agent of this host");
  }
  return found->second;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> names;
  for (const auto& [name, action] : actions_) names.push_back(name);
  return names;
}

}  // namespace portoser::agent::actions
