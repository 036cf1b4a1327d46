#include "controller/registry/changes.h"

namespace portoser::registry {
namespace {

template <class Item, class Find>
EntryChanges changes_of(const std::vector<Item>& before,
                        const std::vector<Item>& after,
                        const Find& find_before,
                        const Find& find_after) {
  EntryChanges changes;
  for (const auto& item : after) {
    const Item* old = find_before(item.name);
    if (old == nullptr) {
      changes.added.push_back(item.name);
    } else if (old->revision != item.revision) {
      changes.changed.push_back(item.name);
    }
  }
  for (const auto& item : before) {
    if (find_after(item.name) == nullptr) changes.removed.push_back(item.name);
  }
  return changes;
}

}  // namespace

Changes changes_between(const Registry& before, const Registry& after) {
  const auto service_in = [](const Registry& registry) {
    return [&registry](const std::string& name) { return registry.find_service(name); };
  };
  const auto host_in = [](const Registry& registry) {
    return [&registry](const std::string& name) { return registry.find_host(name); };
  };
  Changes changes;
  changes.services =
      changes_of(before.services(), after.services(), service_in(before), service_in(after));
  changes.machines = changes_of(before.hosts(), after.hosts(), host_in(before), host_in(after));
  return changes;
}

}  // namespace portoser::registry
