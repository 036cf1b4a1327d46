#include "controller/deployment/state_differences.h"

#include "common/json_members.h"
#include "controller/registry/edit.h"

#include <map>
#include <utility>

namespace portoser::deployment {
namespace {

using Values = std::map<std::string, Json>;

void compare(const Values& current, const Values& target, std::vector<Difference>& out) {
  for (const auto& [field, value] : target) {
    const auto found = current.find(field);
    if (found == current.end()) {
      out.push_back({field, nullptr, value, "added"});
    } else if (found->second != value) {
      out.push_back({field, found->second, value, "modified"});
    }
  }
  for (const auto& [field, value] : current) {
    if (target.count(field) == 0) out.push_back({field, value, nullptr, "removed"});
  }
}

Values entry_values(const Json& config) {
  Values values;
  if (!config.is_object()) return values;
  for (const auto& [key, value] : config.items()) {
    auto field = registry::canonical_field(registry::Section::services, key);
    if (field != "current_host") values.emplace(std::move(field), value);
  }
  return values;
}

Values state_values(const Json& state) {
  Values values;
  if (const auto revision = text_member(state, "revision"); !revision.empty()) {
    values.emplace("compose", revision);
  }
  for (const auto& image : list_member(state, "images")) {
    values.insert_or_assign("image:" + text_member(image, "compose_service"),
                            text_member(image, "image_id"));
  }
  for (const auto& key : list_member(state, "environment")) {
    values.insert_or_assign(
        "environment:" + text_member(key, "file") + ":" + text_member(key, "name"),
        text_member(key, "fingerprint"));
  }
  return values;
}

}  // namespace

std::vector<Difference> config_differences(const Json& current, const Json& target) {
  std::vector<Difference> differences;
  compare(entry_values(current), entry_values(target), differences);
  return differences;
}

std::vector<Difference> state_differences(const Json& current, const Json& target) {
  std::vector<Difference> differences;
  compare(state_values(current), state_values(target), differences);
  return differences;
}

}  // namespace portoser::deployment
