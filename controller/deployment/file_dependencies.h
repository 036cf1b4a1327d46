/// What the files of services on their hosts say that they need: `depends_on` of a compose file
/// that several services of the registry share, `dependencies` of a service.yml. A host is asked
/// when it comes, when what it is assigned changes, when a job of ours has changed its files, and
/// once a minute, for people edit these files by hand. What it said last holds while it is away,
/// for as long as this controller runs; whoever has not been read is named.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/deployment/dependencies.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/listener.h"
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

class FileDependencies : public jobs::Listener {
 public:
  /// `clock` must outlive it.
  FileDependencies(const registry::RegistryWatch& registry, fleet::Fleet& fleet, const Clock& clock)
      : registry_(registry), fleet_(fleet), clock_(clock) {}

  /// Asks the hosts until it is cancelled. On the fleet's executor.
  asio::awaitable<void> run();
  /// Asks those whose time has come, once. On the fleet's executor.
  asio::awaitable<void> look();

  void job_finished(const storage::JobRecord& job) override;

  /// Everything that the registry and the files say. Any thread.
  [[nodiscard]] DependencyGraph graph(const registry::Registry& registry) const;
  /// Throws when another service's file says that it needs this one: `Error{conflict}`,
  /// SERVICE_NEEDED. What the registry itself says, its editor minds. Any thread.
  void require_unneeded(const registry::Registry& registry, const std::string& service) const;
  /// In the order of the registry. Any thread.
  [[nodiscard]] std::vector<UnreadFile> unread(const registry::Registry& registry) const;

 private:
  using Assigned = std::vector<protocol::AssignedService>;
  /// What a host was asked last.
  struct Asked {
    Assigned services;
    std::optional<Time> connected_since;
    Uptime at{0};
  };
  /// What a host said of a service, and of which entry it spoke.
  struct Told {
    protocol::AssignedService of;
    protocol::NeedsInFile found;
  };
  /// By service.
  using Answers = std::map<std::string, Told, std::less<>>;
  struct OfHost {
    std::shared_ptr<const Answers> answers = std::make_shared<const Answers>();
    std::string problem;  ///< why it said nothing the last time; empty: it did
  };
  using ByHost = std::map<std::string, OfHost, std::less<>>;
  using Lane = std::vector<std::string>;

  /// Those that are due, spread over lanes that are asked side by side.
  std::vector<Lane> due(const registry::Registry& registry);
  asio::awaitable<bool> ask_lanes(const std::vector<Lane>& lanes, std::size_t from);
  asio::awaitable<bool> ask_lane(const Lane& hosts);
  asio::awaitable<void> ask(std::string host);
  [[nodiscard]] const Told* told_of(const ByHost& all,
                                    const registry::Registry& registry,
                                    const registry::Service& service) const;

  const registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  const Clock& clock_;
  std::map<std::string, Asked> asked_;
  std::atomic<std::shared_ptr<const ByHost>> told_{std::make_shared<const ByHost>()};
};

}  // namespace portoser::deployment
