/// What the files of services on their hosts say that they need: `depends_on` of a compose file
/// that several services of the registry share, `dependencies` of a service.yml. A host is asked
/// when it comes, when what it is assigned changes, and once a minute, for people edit these files
/// by hand; what it said last holds while it is away.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/deployment/dependencies.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/watch.h"
#include "protocol/questions.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

/// A file that may name dependencies, and nobody knows which.
struct UnreadFile {
  std::string service;
  std::string reason;  ///< a sentence
};

class FileDependencies {
 public:
  /// `clock` must outlive it.
  FileDependencies(const registry::RegistryWatch& registry, fleet::Fleet& fleet, const Clock& clock)
      : registry_(registry), fleet_(fleet), clock_(clock) {}

  /// Asks the hosts until it is cancelled. On the fleet's executor.
  asio::awaitable<void> run();
  /// Asks those whose time has come, once. On the fleet's executor.
  asio::awaitable<void> look();

  /// Everything that the registry and the files say. Any thread.
  [[nodiscard]] DependencyGraph graph(const registry::Registry& registry) const;
  /// In the order of the registry. Any thread.
  [[nodiscard]] std::vector<UnreadFile> unread(const registry::Registry& registry) const;

 private:
  /// What a host was asked last.
  struct Asked {
    std::vector<protocol::AssignedService> services;
    std::optional<Time> connected_since;
    Uptime at{0};
  };
  /// What it said.
  struct Told {
    std::map<std::string, protocol::NeedsInFile> services;
    std::string problem;  ///< why it said nothing the last time; empty: it did
  };
  using ByHost = std::map<std::string, Told, std::less<>>;

  [[nodiscard]] bool is_due(const std::string& host, const Asked& now) const;
  asio::awaitable<void> ask(std::string host, std::vector<protocol::AssignedService> services);

  const registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  std::map<std::string, Asked> asked_;
  std::atomic<std::shared_ptr<const ByHost>> told_{std::make_shared<const ByHost>()};
};

}  // namespace portoser::deployment
