#include "agent/actions/masked_output.h"

namespace portoser::agent::actions {

std::string masked_line(std::string_view line) {
  // 1.29: Invalid interpolation format for "environment" option in service "web": "p4$!"
  // v2:   invalid interpolation format for services.web.environment.X: "p4$!".
  constexpr std::string_view said = "nvalid interpolation format";
  const auto found = line.find(said);
  if (found == std::string_view::npos) return std::string{line};
  const auto value = line.find(": ", found);
  if (value == std::string_view::npos) return std::string{line};
  return std::string{line.substr(0, value)} + ": ***";
}

}  // namespace portoser::agent::actions
