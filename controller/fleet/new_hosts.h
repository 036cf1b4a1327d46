/// Entries in registry.yml of hosts that join under a name which it does not have.
#pragma once

#include "common/tasks.h"
#include "controller/fleet/registration.h"
#include "controller/registry/editor.h"
#include "controller/registry/watch.h"

#include <optional>
#include <string>

namespace portoser::fleet {

struct NewHost {
  std::string name;
  std::string ip;
  std::string arch;  ///< "linux/amd64"; empty: not known
};

/// What a registration says of its host. No address in it: `Error{invalid}`, "body.ip".
NewHost new_host_of(const RegistrationRequest& request);

class NewHosts {
 public:
  NewHosts() = default;
  NewHosts(const NewHosts&) = delete;
  NewHosts& operator=(const NewHosts&) = delete;
  virtual ~NewHosts() = default;

  /// The entry is in force when this ends; one that is there already stays as it is. Returns the
  /// revision of an entry that is new. `Error{unavailable}`: it cannot be written.
  virtual asio::awaitable<std::optional<std::string>> add(NewHost host, std::string who) = 0;
  /// Takes the entry out again while it has this revision and no services.
  virtual asio::awaitable<void> take_back(std::string name,
                                          std::string revision,
                                          std::string who) = 0;
};

/// By the registry's editor. Any executor.
class HostsInRegistry : public NewHosts {
 public:
  HostsInRegistry(registry::RegistryWatch& registry, registry::RegistryEditor& editor)
      : registry_(registry), editor_(editor) {}

  asio::awaitable<std::optional<std::string>> add(NewHost host, std::string who) override;
  asio::awaitable<void> take_back(std::string name, std::string revision, std::string who) override;

 private:
  registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
};

}  // namespace portoser::fleet
