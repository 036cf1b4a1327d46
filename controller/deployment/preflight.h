/// Everything that can be known of a change before anything is stopped for it: what the controller
/// knows of the cluster, and what the host finds out about itself (agent/inspection). On the
/// fleet's executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/fleet/fleet.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"
#include "protocol/questions.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::deployment {

/// The change. Texts are as `protocol::PreflightCompose` has them.
struct PreflightWish {
  std::string service;
  std::string action;               ///< up, restart, rebuild, restore
  std::optional<std::string> text;  ///< of the compose file, in place of what is there
  std::string restore;              ///< the kept deployment of "restore"
};

class Preflight {
 public:
  Preflight(registry::RegistryWatch& registry,
            fleet::Fleet& fleet,
            const telemetry::Live& live,
            const FileDependencies& files)
      : registry_(registry), fleet_(fleet), live_(live), files_(files) {}

  /// A service that is not there, has no host or is away becomes a finding, like everything else;
  /// what could not be looked at is one too.
  asio::awaitable<protocol::PreflightReport> look(PreflightWish wish);

 private:
  void look_at_cluster(const registry::Registry& registry,
                       const registry::Service& service,
                       protocol::PreflightReport& report) const;
  asio::awaitable<void> ask_about(const registry::Registry& registry,
                                  const registry::Service& service,
                                  PreflightWish wish,
                                  protocol::PreflightReport& report);
  template <class Question>
  asio::awaitable<void> ask_host(std::string host,
                                 Question question,
                                 protocol::PreflightReport& report);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  const telemetry::Live& live_;
  const FileDependencies& files_;
};

/// Whether a reason is of something that is away, the agent, its engine, systemd or the compose
/// tool: what it stands against works again when that is back.
bool is_of_absence(std::string_view reason);

/// Whether a finding says that the change would fail.
bool is_error(const protocol::Finding& finding);

/// Nothing, when no finding is an error. Else `Error{invalid}`, or `Error{unavailable}` for what is
/// away, with the first one's reason, whose details are all of them. `what`: "notes is not
/// started".
void require_good(const protocol::PreflightReport& report, const std::string& what);

/// A finding under the name by which an answer shows it: its check, or the service of a plan.
struct NamedFinding {
  std::string name;
  const protocol::Finding* finding;
};

/// The same for all findings that are named, whoever made them. `where`: the part of the request.
void require_no_error(const std::vector<NamedFinding>& findings,
                      const std::string& what,
                      const std::string& where);

}  // namespace portoser::deployment
