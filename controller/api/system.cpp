#include "controller/api/system.h"

#include "common/version.h"
#include "controller/api/registry_rows.h"
#include "controller/http/router.h"

namespace portoser::api {

struct Ping {
  std::string status = "ok";
};
BOOST_DESCRIBE_STRUCT(Ping, (), (status))

struct ConfigStatus {
  bool valid = false;
  std::size_t warnings_count = 0;
};
BOOST_DESCRIBE_STRUCT(ConfigStatus, (), (valid, warnings_count))

struct RegistryHealth {
  registry::Source source = registry::Source::never_read;
  std::string revision;
  std::size_t hosts = 0;
  std::size_t services = 0;
  std::optional<RegistryProblem> problem;
  std::vector<registry::Finding> findings;
};
BOOST_DESCRIBE_STRUCT(RegistryHealth, (), (source, revision, hosts, services, problem, findings))

/// Why it takes nothing.
struct DatabaseProblem {
  std::string message;
  std::string hint;
  Time since;
};
BOOST_DESCRIBE_STRUCT(DatabaseProblem, (), (message, hint, since))

struct DatabaseHealth {
  std::size_t queue_depth = 0;
  std::optional<DatabaseProblem> problem;
};
BOOST_DESCRIBE_STRUCT(DatabaseHealth, (), (queue_depth, problem))

struct Health {
  std::string status;  ///< healthy, degraded
  std::string service = "portoser-controller";
  std::string version;
  Time timestamp;
  bool registry_exists = false;
  std::map<std::string, Json> background_workers;  ///< the old backend had some
  ConfigStatus config_status;
  RegistryHealth registry;
  DatabaseHealth database;
};
BOOST_DESCRIBE_STRUCT(Health,
                      (),
                      (status,
                       service,
                       version,
                       timestamp,
                       registry_exists,
                       background_workers,
                       config_status,
                       registry,
                       database))

struct BriefHealth {
  std::string status;  ///< healthy, degraded
  std::string service = "portoser-controller";
  std::string version;
  Time timestamp;
  std::string vault = "disabled";
  std::string keycloak = "disabled";
  std::string registry;  ///< connected, not_found
};
BOOST_DESCRIBE_STRUCT(BriefHealth,
                      (),
                      (status, service, version, timestamp, vault, keycloak, registry))

struct UiConfig {
  bool auth_enabled = false;
  bool vault_enabled = false;
  std::optional<std::string> keycloak_url;
  std::optional<std::string> keycloak_realm;
  std::optional<std::string> keycloak_client_id;
  std::string auth_mode = "none";
  std::string version;
};
BOOST_DESCRIBE_STRUCT(UiConfig,
                      (),
                      (auth_enabled,
                       vault_enabled,
                       keycloak_url,
                       keycloak_realm,
                       keycloak_client_id,
                       auth_mode,
                       version))

namespace {

std::string word_for(registry::Source source, const storage::DatabaseStats& database) {
  return source == registry::Source::ok && !database.problem ? "healthy" : "degraded";
}

}  // namespace

void SystemApi::add_to(http::Router& router) {
  const auto open = [](std::string path, std::string summary) {
    return http::Route{
        .path = std::move(path), .summary = std::move(summary), .role = http::Role::public_};
  };
  router.add<Ping>(open("/ping", "Is the controller there?"), *this, &SystemApi::ping);
  router.add(open("/health", "State of the controller, of registry.yml and of the database"),
             *this,
             &SystemApi::health);
  router.add(open("/api/health", "The same in short"), *this, &SystemApi::api_health);
  router.add(open("/api/config", "What a UI must know before anybody signs in"),
             *this,
             &SystemApi::config);
}

http::Response SystemApi::ping(http::Call<void>) {
  static const auto text = std::make_shared<const std::string>(dump(to_json(Ping{})));
  return http::json_response(text);
}

Health SystemApi::health(http::Call<void>) {
  const auto state = registry_.snapshot();
  const auto& registry = *state->registry;
  const auto database = database_.stats();
  Health health;
  health.status = word_for(state->source, database);
  health.version = version;
  health.timestamp = clock_.now();
  health.registry_exists = state->source != registry::Source::missing;
  health.config_status.valid = state->source == registry::Source::ok;
  health.config_status.warnings_count = registry.findings.size();
  health.registry.source = state->source;
  health.registry.revision = registry.revision;
  health.registry.hosts = registry.hosts().size();
  health.registry.services = registry.services().size();
  health.registry.findings = registry.findings;
  health.registry.problem = problem_row(state->problem);
  health.database.queue_depth = database.queue_depth;
  if (const auto& problem = database.problem) {
    health.database.problem = DatabaseProblem{problem->message, problem->hint, problem->since};
  }
  return health;
}

BriefHealth SystemApi::api_health(http::Call<void>) {
  const auto source = registry_.snapshot()->source;
  BriefHealth health;
  health.status = word_for(source, database_.stats());
  health.version = version;
  health.timestamp = clock_.now();
  health.registry = source == registry::Source::missing ? "not_found" : "connected";
  return health;
}

UiConfig SystemApi::config(http::Call<void>) {
  UiConfig config;
  config.version = version;
  return config;
}

}  // namespace portoser::api
