/// The containers of an activation and the restart policies that `hold` took from them: the file
/// `policies.json` in its folder of the journal. Blocking; any thread.
#pragma once

#include "common/describe.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

struct HeldContainer {
  std::string id;
  std::string name;
  std::string policy;  ///< its own: "unless-stopped", "on-failure:5"
  bool operator==(const HeldContainer&) const = default;
};
BOOST_DESCRIBE_STRUCT(HeldContainer, (), (id, name, policy))

struct HeldContainers {
  std::vector<HeldContainer> containers;
  bool operator==(const HeldContainers&) const = default;

  [[nodiscard]] const HeldContainer* find(const std::string& id) const;
};
BOOST_DESCRIBE_STRUCT(HeldContainers, (), (containers))

/// None: `hold` has not come to it. Cannot be read: `Error`.
std::optional<HeldContainers> read_held(const std::filesystem::path& folder);
/// Whole and flushed before it returns.
void write_held(const std::filesystem::path& folder, const HeldContainers& held);

}  // namespace portoser::agent::deployments
