// What routes declare of their answers, and whether the answers are so.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/api/declared_answer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

namespace portoser::api {
namespace {

using Answers = ApiTest;

std::string name_of(const http::Endpoint& endpoint) {
  return std::string{http::to_string(endpoint.route.method)} + " " + endpoint.route.path;
}

bool says_something(const Json& schema) {
  return schema.is_object() && (schema.contains("type") || schema.contains("anyOf"));
}

TEST_F(Answers, EveryRouteSaysWhatItAnswers) {
  ASSERT_GT(router_.endpoints().size(), 20U);
  for (const auto& endpoint : router_.endpoints()) {
    const auto& route = endpoint->route;
    if (endpoint->socket) continue;
    if (endpoint->response_schema.is_null()) {
      EXPECT_TRUE(!route.text_type.empty() || route.success_status == 204) << name_of(*endpoint);
    } else {
      EXPECT_TRUE(says_something(endpoint->response_schema)) << name_of(*endpoint);
    }
  }
}

/// A string that begins as a time does.
bool looks_like_a_time(const std::string& text) {
  constexpr std::string_view shape = "0000-00-00T00:00:00";
  if (text.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == '0' ? text[i] >= '0' && text[i] <= '9'
                                      : text[i] == shape[i] || (shape[i] == 'T' && text[i] == ' ');
    if (!fits) return false;
  }
  return true;
}

/// Browsers read a time without a zone as their own.
void collect_times(const Json& value, std::vector<std::string>& times) {
  if (value.is_string() && looks_like_a_time(value)) times.push_back(value);
  if (!value.is_structured()) return;
  for (const auto& part : value) collect_times(part, times);
}

TEST_F(Answers, AreAsTheirRoutesDeclare) {
  storage::JobStore store{*database_};
  storage::JobRecord job;
  job.id = "01J";
  job.kind = "restart";
  job.service = "notes";
  job.host = "brick";
  job.state = "failed";
  job.created_at = clock_.now();
  run(store.insert(job));
  job.finished_at = clock_.now();
  job.error_code = "conflict";
  job.error_message = "port 8090 is taken";
  job.steps = {{"up", "failed", clock_.now(), clock_.now(), "port 8090 is taken"}};
  run(store.update(job));
  run(store.advance(job, {{0, clock_.now(), "up", "Recreating"}}));

  tell_of_notes(2);
  storage::TokenRecord token;
  token.id = "shown";
  storage::TokenStore tokens{*database_};
  run(tokens.insert(token));
  storage::DeploymentRecord deployment;
  deployment.id = "deploy-0";
  deployment.service = "notes";
  deployment.machine = "brick";
  deployment.status = "failure";
  deployment.started_at = clock_.now();
  deployment.finished_at = clock_.now();
  storage::DeploymentStore deployments{*database_};
  run(deployments.insert(deployment));
  run(history_->recover());  // which tells of the newest
  storage::AuditStore audit{*database_};
  run(audit.append(
      {0, clock_.now(), "ada", "Ada", "POST", "/api/x", 200, "", "127.0.0.1", "r", 1}));
  std::vector<std::string> times;
  std::set<const http::Endpoint*> asked;
  // Of a host, which is none here, and of a deployment that had one (deployments_test.cpp).
  const std::set<std::string> asked_elsewhere{
      "/api/services/{service}/compose", "/api/deployment/{id}", "/api/deployment/{id}/phases"};
  for (const auto* target : {"/ping",
                             "/health",
                             "/api/health",
                             "/api/config",
                             "/api/services",
                             "/api/services/notes",
                             "/api/services/notes/health",
                             "/api/diagnostics/health/all",
                             "/api/dependencies/graph",
                             "/api/dependencies/list",
                             "/api/dependencies/validate",
                             "/api/dependencies/service/notes",
                             "/api/dependencies/deployment-order/notes",
                             "/api/dependencies/impact/notes",
                             "/api/machines",
                             "/api/machines/brick",
                             "/api/registry",
                             "/api/registry/history",
                             "/api/devices",
                             "/api/devices/brick",
                             "/api/devices/discover",
                             "/api/devices/cache/stats",
                             "/api/devices/tokens?include_expired=true",
                             "/api/devices/tokens/shown",
                             "/api/jobs",
                             "/api/jobs/01J",
                             "/api/jobs/01J/log",
                             "/api/audit",
                             "/api/deployment/state",
                             "/api/deployment/moves",
                             "/api/history/deployments",
                             "/api/history/deployments/deploy-0",
                             "/api/history/rollback/deploy-0/preview",
                             "/api/history/stats",
                             "/api/history/timeline",
                             "/api/metrics",
                             "/api/metrics/all",
                             "/api/metrics/all?view=services",
                             "/api/metrics/machine/brick",
                             "/api/metrics/notes/brick",
                             "/api/metrics/notes/brick/history",
                             "/api/metrics/machine/brick/history",
                             "/api/metrics/services",
                             "/api/metrics/workers/status",
                             "/api/metrics/collector/status",
                             "/api/metrics/cache/stats",
                             "/api/metrics/health",
                             "/api/uptime/all",
                             "/api/uptime/summary",
                             "/api/uptime/timeline",
                             "/api/uptime/metrics/notes/brick",
                             "/api/uptime/notes/brick",
                             "/api/uptime/notes/brick/history",
                             "/api/uptime/notes/brick/events"}) {
    http::Request request;
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    ASSERT_NE(match.endpoint, nullptr) << target;
    asked.insert(match.endpoint);
    const auto answer = get(target);
    EXPECT_EQ(difference_from(match.endpoint->response_schema, answer, "answer"), "") << target;
    collect_times(answer, times);
  }
  EXPECT_GT(times.size(), 30U);
  for (const auto& time : times) EXPECT_EQ(time.back(), 'Z') << time;
  for (const auto& endpoint : router_.endpoints()) {
    const bool is_get = endpoint->route.method == http::Method::get && !endpoint->socket;
    if (!is_get || endpoint->response_schema.is_null()) continue;
    if (asked_elsewhere.contains(endpoint->route.path)) continue;
    EXPECT_TRUE(asked.contains(endpoint.get())) << name_of(*endpoint) << " is not asked here";
  }
}

/// Every card of the UI asks every few seconds; none of that may wait for the database or the core.
TEST_F(Answers, WhatTheUiAsksAgainAndAgainComesFromMemory) {
  for (const auto* target : {"/api/services",
                             "/api/services/notes",
                             "/api/machines",
                             "/api/machines/brick",
                             "/api/devices",
                             "/api/metrics/all",
                             "/api/metrics/machine/brick"}) {
    http::Request request;
    request.set_target(target);
    http::Match match;
    router_.find(request, match);
    ASSERT_NE(match.endpoint, nullptr) << target;
    EXPECT_TRUE(match.endpoint->at_once) << target;
  }
}

/// The UI asks for metrics of the services alone whose row has it.
TEST_F(Answers, ARowOfAServiceNamesItsMachineUnderBothNames) {
  const auto row = get("/api/services")["services"][0];
  EXPECT_EQ(row["current_host"], "brick");
  EXPECT_EQ(row["machine_name"], "brick");
}

TEST_F(Answers, TextIsOfTheTypeThatTheRouteDeclares) {
  for (const auto* target : {"/metrics", "/api/metrics?format=prometheus"}) {
    const auto answer = ask(target);
    EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8") << target;
    EXPECT_NE(answer.text().find("portoser_host_cpu_percent"), std::string::npos) << target;
  }
}

TEST_F(Answers, AServiceOnAnotherHostIsToldFromAnUnknownOne) {
  const auto error_of = [&](const char* target) {
    try {
      ask(target);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << target << " was answered";
    return Error{Code::internal, ""};
  };
  EXPECT_EQ(error_of("/api/metrics/note/brick").hint(), "did you mean \"notes\"?");
  EXPECT_EQ(error_of("/api/metrics/notes/brik").hint(), "did you mean \"brick\"?");
  EXPECT_EQ(error_of("/api/services/note").hint(), "did you mean \"notes\"?");
  EXPECT_EQ(error_of("/api/machines/brik").hint(), "did you mean \"brick\"?");
  write_file_atomic(folder_ / "registry.yml",
                    "hosts:\n  brick: {ip: 127.0.0.1}\n  chalk: {ip: 127.0.0.2}\nservices:\n"
                    "  notes: {current_host: brick, docker_compose: /srv/notes/compose.yml}\n");
  run(registry_->reload());
  const auto elsewhere = error_of("/api/metrics/notes/chalk");
  EXPECT_EQ(elsewhere.code(), Code::not_found);
  EXPECT_EQ(elsewhere.hint(), "it is on \"brick\"");
}

}  // namespace
}  // namespace portoser::api
