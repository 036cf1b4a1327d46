#include "controller/api/system.h"

#include "common/version.h"
#include "controller/http/router.h"

namespace portoser::api {

void SystemApi::add_to(http::Router& router) {
  const auto open = [](std::string path, std::string summary) {
    return http::Route{
        .path = std::move(path), .summary = std::move(summary), .role = http::Role::public_};
  };
  router.add(open("/ping", "Is the controller there?"), *this, &SystemApi::ping);
  router.add(
      open("/health", "State of the controller and of registry.yml"), *this, &SystemApi::health);
  router.add(open("/api/health", "The same in short"), *this, &SystemApi::api_health);
  router.add(open("/api/config", "What a UI must know before anybody signs in"),
             *this,
             &SystemApi::config);
}

http::Response SystemApi::ping(http::Call<void>) {
  static const auto text = std::make_shared<const std::string>(R"({"status":"ok"})");
  return http::json_response(text);
}

http::Response SystemApi::health(http::Call<void>) {
  const auto state = registry_.snapshot();
  const auto& registry = *state->registry;
  Json registry_problem = nullptr;
  if (state->problem) {
    Json details = Json::array();
    for (const auto& detail : state->problem->details) {
      details.push_back({{"where", detail.where}, {"message", detail.message}});
    }
    registry_problem = {{"message", state->problem->message},
                        {"where", state->problem->where},
                        {"hint", state->problem->hint},
                        {"details", std::move(details)}};
  }
  Json findings = Json::array();
  for (const auto& finding : registry.findings) findings.push_back(to_json(finding));
  const bool is_ok = state->source == registry::Source::ok;
  const auto warnings = registry.findings.size();
  Json answer{{"status", is_ok ? "healthy" : "degraded"},
              {"service", "portoser-controller"},
              {"version", version},
              {"timestamp", to_rfc3339(clock_.now())},
              {"registry_exists", state->source != registry::Source::missing},
              {"background_workers", Json::object()},
              {"config_status", {{"valid", is_ok}, {"warnings_count", warnings}}},
              {"registry",
               {{"source", enum_name(state->source)},
                {"revision", registry.revision},
                {"hosts", registry.hosts().size()},
                {"services", registry.services().size()},
                {"problem", std::move(registry_problem)},
                {"findings", std::move(findings)}}},
              {"database", {{"queue_depth", database_.stats().queue_depth}}}};
  return http::json_response(dump(answer));
}

http::Response SystemApi::api_health(http::Call<void>) {
  const auto source = registry_.snapshot()->source;
  const bool is_ok = source == registry::Source::ok;
  const Json answer{{"status", is_ok ? "healthy" : "degraded"},
                    {"service", "portoser-controller"},
                    {"version", version},
                    {"timestamp", to_rfc3339(clock_.now())},
                    {"vault", "disabled"},
                    {"keycloak", "disabled"},
                    {"registry", source == registry::Source::missing ? "not_found" : "connected"}};
  return http::json_response(dump(answer));
}

http::Response SystemApi::config(http::Call<void>) {
  const Json answer{{"auth_enabled", false},
                    {"vault_enabled", false},
                    {"keycloak_url", nullptr},
                    {"keycloak_realm", nullptr},
                    {"keycloak_client_id", nullptr},
                    {"auth_mode", "none"},
                    {"version", version}};
  return http::json_response(dump(answer));
}

}  // namespace portoser::api
