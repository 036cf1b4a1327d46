#include "controller/registry/dialect.h"

#include <algorithm>

namespace portoser::registry {
namespace {

const std::vector<Spellings>& spellings(Section section) {
  static const std::vector<Spellings> of_hosts{
      {"ip", "host"}, {"ssh_user", "user"}, {"arch", "platform"}, {"roles", "tags"}};
  static const std::vector<Spellings> of_services{
      {"current_host", "machine_name", "machine", "host"},
      {"deployment_type", "type"},
      {"docker_compose", "compose_file"},
      {"working_dir", "service_directory"},
      {"dependencies", "depends_on"}};
  return section == Section::hosts ? of_hosts : of_services;
}

Spellings look_up(const std::vector<Spellings>& table, std::string_view field) {
  const auto found = std::find_if(
      table.begin(), table.end(), [&](const Spellings& names) { return names.front() == field; });
  return found == table.end() ? Spellings{field} : *found;
}

/// Entries that are maps, of all keys of the section.
std::vector<const Node*> entries_of(const Node* root, Section section) {
  std::vector<const Node*> entries;
  for (const auto key : section_keys(section)) {
    const auto* found = root == nullptr ? nullptr : find_member(*root, key);
    if (found == nullptr) continue;
    for (const auto& entry : found->value->members) {
      if (entry.value->is_map()) entries.push_back(entry.value.get());
    }
  }
  return entries;
}

}  // namespace

Spellings spellings_of(Section section, std::string_view field) {
  return look_up(spellings(section), field);
}

std::string canonical_field(Section section, std::string_view key) {
  for (const auto& names : spellings(section)) {
    if (std::find(names.begin(), names.end(), key) != names.end()) {
      return std::string{names.front()};
    }
  }
  return std::string{key};
}

Spellings health_spellings_of(std::string_view key) {
  static const std::vector<Spellings> of_health{{"interval", "interval_seconds"},
                                                {"timeout", "timeout_seconds"}};
  return look_up(of_health, key);
}

Spellings section_keys(Section section) {
  return section == Section::hosts ? Spellings{"hosts", "machines"} : Spellings{"services"};
}

std::string usual_spelling(const Node* root, Section section, std::string_view field) {
  const auto names = spellings_of(section, field);
  auto best = names.front();
  std::ptrdiff_t most = 0;
  const auto entries = entries_of(root, section);
  for (const auto name : names) {
    const auto count = std::count_if(entries.begin(), entries.end(), [&](const Node* entry) {
      return find_member(*entry, name) != nullptr;
    });
    if (count > most) {
      most = count;
      best = name;
    }
  }
  return std::string{best};
}

std::string new_section_key(const Node* root, Section section) {
  if (section == Section::services) return "services";
  // A file whose services stand on a `machine` calls hosts so.
  return usual_spelling(root, Section::services, "current_host") == "machine" ? "machines"
                                                                              : "hosts";
}

const Member* find_member(const Node& map, std::string_view key) {
  const auto found = std::find_if(map.members.begin(),
                                  map.members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == map.members.end() ? nullptr : &*found;
}

}  // namespace portoser::registry
