/// What one registry has that another has not. Pure; any thread.
#pragma once

#include "common/describe.h"
#include "controller/registry/model.h"

#include <string>
#include <vector>

namespace portoser::registry {

/// Names, each list in the order of the file.
struct EntryChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;  ///< says something else; comments and layout do not count

  [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
  [[nodiscard]] std::size_t size() const { return added.size() + removed.size() + changed.size(); }
};
BOOST_DESCRIBE_STRUCT(EntryChanges, (), (added, removed, changed))

struct Changes {
  EntryChanges services;
  EntryChanges machines;  ///< hosts, as the API calls them

  [[nodiscard]] bool empty() const { return services.empty() && machines.empty(); }
};
BOOST_DESCRIBE_STRUCT(Changes, (), (services, machines))

Changes changes_between(const Registry& before, const Registry& after);

}  // namespace portoser::registry
