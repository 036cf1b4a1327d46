#include "controller/api/registry_frames.h"

#include "common/describe_json.h"
#include "controller/registry/changes.h"

namespace portoser::api {
namespace {

/// Of more, the one frame that names them all has to do: a socket shows twenty in a second.
constexpr std::size_t most_entry_frames = 20;
constexpr std::size_t most_errors = 20;

Json errors_of(const registry::RegistryState& state) {
  Json errors = Json::array();
  if (state.problem) {
    errors.push_back({{"where", state.problem->where}, {"message", state.problem->message}});
    return errors;
  }
  for (const auto& finding : state.registry->findings) {
    if (finding.severity != registry::Severity::error) continue;
    if (errors.size() == most_errors) break;
    errors.push_back({{"where", finding.path}, {"message", finding.message}});
  }
  return errors;
}

void add_entries(const registry::EntryChanges& changes,
                 const std::string& word,
                 Time now,
                 std::vector<std::string>& frames) {
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    for (const auto& name : names) {
      Json frame{{"type", word + "_" + what}, {word, name}, {"timestamp", to_rfc3339(now)}};
      frames.push_back(dump(frame));
    }
  };
  add(changes.added, "created");
  add(changes.changed, "updated");
  add(changes.removed, "deleted");
}

}  // namespace

std::vector<std::string> registry_frames(const registry::Registry& before,
                                         const registry::RegistryState& after,
                                         Time now) {
  const auto changes = registry::changes_between(before, *after.registry);
  std::vector<std::string> frames;
  Json reloaded{{"type", "registry_reloaded"},
                {"revision", after.registry->revision},
                {"added", changes.services.added},
                {"removed", changes.services.removed},
                {"changed", changes.services.changed},
                {"machines", to_json(changes.machines)},
                {"errors", errors_of(after)},
                {"timestamp", to_rfc3339(now)}};
  frames.push_back(dump(reloaded));
  if (changes.services.size() + changes.machines.size() <= most_entry_frames) {
    add_entries(changes.machines, "machine", now, frames);
    add_entries(changes.services, "service", now, frames);
  }
  return frames;
}

}  // namespace portoser::api
