/// The rows of GET /api/services, and their text, serialised once for all readers.
#pragma once

#include "common/clock.h"
#include "common/describe.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"
#include "controller/telemetry/live.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

/// What the registry leaves empty is null in an answer.
std::optional<std::string> unless_empty(const std::string& text);

struct JobBrief {
  std::string id;
  std::string kind;
  std::string state;
  std::string step;
};
BOOST_DESCRIBE_STRUCT(JobBrief, (), (id, kind, state, step))

struct ServiceRow {
  std::string name;
  std::string hostname;
  std::optional<std::string> current_host;
  std::optional<std::string> machine_name;  ///< the same, as other parts of the UI call it
  std::string deployment_type;
  std::optional<std::string> docker_compose;
  std::optional<std::string> service_file;
  std::optional<std::string> service_name;
  std::optional<int> port;
  std::string description;
  std::vector<std::string> dependencies;
  bool tls_enabled = false;
  bool requires_auth = false;
  std::string status;                 ///< running, stopped, unknown
  std::string health;                 ///< as diagnostics: healthy, unhealthy, stopped, unknown
  std::string reason;                 ///< why it is unknown or unhealthy
  bool stale = false;                 ///< it is unknown now, and was known
  std::optional<Time> known_at;       ///< of a stale one: the last moment of which it is known
  std::optional<double> age_seconds;  ///< how long ago that is
  std::optional<std::string> last_known_status;  ///< running, stopped
  std::optional<int> health_score;               ///< not known yet
  std::optional<std::string> healthcheck_url;
  std::vector<registry::Finding> config_errors;
  std::optional<JobBrief> job;
  std::optional<std::string> last_updated;
};
BOOST_DESCRIBE_STRUCT(ServiceRow,
                      (),
                      (name,
                       hostname,
                       current_host,
                       machine_name,
                       deployment_type,
                       docker_compose,
                       service_file,
                       service_name,
                       port,
                       description,
                       dependencies,
                       tls_enabled,
                       requires_auth,
                       status,
                       health,
                       reason,
                       stale,
                       known_at,
                       age_seconds,
                       last_known_status,
                       health_score,
                       healthcheck_url,
                       config_errors,
                       job,
                       last_updated))

struct ServiceList {
  std::vector<ServiceRow> services;
  std::string revision;  ///< of registry.yml
};
BOOST_DESCRIBE_STRUCT(ServiceList, (), (services, revision))

/// Reads snapshots only. Any thread.
class ServiceRows {
 public:
  ServiceRows(const registry::RegistryWatch& registry,
              const telemetry::Live& live,
              const jobs::Jobs& jobs,
              const Clock& clock)
      : registry_(registry), live_(live), jobs_(jobs), clock_(clock) {}

  [[nodiscard]] ServiceRow row(const registry::Registry& registry,
                               const registry::Service& service) const;
  /// A `ServiceList`.
  [[nodiscard]] std::shared_ptr<const std::string> list();

 private:
  static constexpr std::chrono::seconds ages_hold{1};
  /// What the text was made of: made again when one of these moved.
  struct Versions {
    std::shared_ptr<const registry::RegistryState> registry;
    std::uint64_t live = 0;
    std::uint64_t jobs = 0;
    bool operator==(const Versions&) const = default;
  };
  struct Made {
    [[nodiscard]] bool is_of(const Versions& now, Uptime uptime) const {
      return versions == now && (!has_ages || uptime - at < ages_hold);
    }
    Versions versions;
    bool has_ages = false;  ///< which grow although nothing moves
    Uptime at{};
    std::shared_ptr<const std::string> text;
  };

  const registry::RegistryWatch& registry_;
  const telemetry::Live& live_;
  const jobs::Jobs& jobs_;
  const Clock& clock_;
  std::mutex making_;
  std::atomic<std::shared_ptr<const Made>> made_;
};

}  // namespace portoser::api
