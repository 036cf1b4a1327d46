#include "agent/deployments/program/held_containers.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <algorithm>

namespace portoser::agent::deployments {
namespace {

constexpr auto held_name = "policies.json";
constexpr unsigned private_mode = 0600;

}  // namespace

const HeldContainer* HeldContainers::find(const std::string& id) const {
  const auto found = std::find_if(
      containers.begin(), containers.end(), [&](const auto& one) { return one.id == id; });
  return found == containers.end() ? nullptr : &*found;
}

std::optional<HeldContainers> read_held(const std::filesystem::path& folder) {
  std::string text;
  try {
    text = read_file(folder / held_name);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    throw;
  }
  HeldContainers held;
  try {
    from_json(Json::parse(text), held, held_name);
  } catch (const Json::exception& error) {
    throw Error{Code::internal, (folder / held_name).string() + " is damaged: " + error.what()};
  }
  return held;
}

void write_held(const std::filesystem::path& folder, const HeldContainers& held) {
  write_file_atomic(folder / held_name, dump(to_json(held)), private_mode);
}

}  // namespace portoser::agent::deployments
