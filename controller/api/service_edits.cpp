#include "controller/api/service_edits.h"

#include "controller/api/edit_terms.h"
#include "controller/api/entity_tags.h"
#include "controller/api/entry_fields.h"

namespace portoser::api {
namespace {

using registry::EntryEdit;
using registry::Section;

struct ServiceEdited {
  bool success = true;
  std::string service;
  std::string revision;                     ///< of registry.yml
  std::vector<registry::Finding> warnings;  ///< about the entry
};
BOOST_DESCRIBE_STRUCT(ServiceEdited, (), (success, service, revision, warnings))

struct ServiceRemoved {
  bool success = true;
  std::string service;
  std::string revision;
  bool stopped = false;           ///< it ran, and was stopped before
  std::vector<std::string> left;  ///< what is still on its host, in words
};
BOOST_DESCRIBE_STRUCT(ServiceRemoved, (), (success, service, revision, stopped, left))

http::Response answer_of(const EntryEdit& edit, registry::EditOutcome outcome, unsigned status) {
  ServiceEdited answer;
  answer.service = edit.name;
  answer.revision = std::move(outcome.revision);
  answer.warnings = std::move(outcome.warnings);
  auto response = http::json_response(dump(to_json(answer)), status);
  set_entity_tag(response, outcome.entry_revision);
  return response;
}

std::vector<std::string> left_behind(const registry::Service& service,
                                     bool stopped,
                                     const std::string& status) {
  if (!service.current_host) return {};
  std::vector<std::string> left;
  const auto files = service.docker_compose.empty() ? service.service_file : service.docker_compose;
  if (service.deployment_type != registry::DeploymentType::docker) {
    if (!stopped) {
      left.push_back(status == "running"
                         ? "it runs on " + *service.current_host
                         : "its unit on " + *service.current_host + "; its status is " + status);
    }
  } else if (stopped) {
    left.push_back("its stopped containers and their volumes on " + *service.current_host);
  } else if (status == "running") {
    left.push_back("it runs on " + *service.current_host);
  } else {
    left.push_back("its containers and volumes on " + *service.current_host +
                   ", if there are any; its status is " + status);
  }
  if (!files.empty()) left.push_back(files + " on " + *service.current_host);
  return left;
}

}  // namespace

void ServiceEditsApi::add_to(http::Router& router) {
  const std::vector<Code> errors{Code::not_found, Code::invalid, Code::conflict, Code::unavailable};
  router.add<ServiceEdited>({.method = http::Method::post,
                             .path = "/api/services",
                             .summary = "Add a service to registry.yml; nothing is started",
                             .role = http::Role::admin,
                             .errors = errors,
                             .success_status = 201},
                            *this,
                            &ServiceEditsApi::add);
  for (const auto method : {http::Method::put, http::Method::patch}) {
    router.add<ServiceEdited>(
        {.method = method,
         .path = "/api/services/{service}",
         .summary = "Change fields of a service in registry.yml: those of the body, null takes one "
                    "out. With If-Match, only what was read (412)",
         .role = http::Role::admin,
         .errors = errors},
        *this,
        &ServiceEditsApi::change);
  }
  router.add<ServiceRemoved>(
      {.method = http::Method::delete_,
       .path = "/api/services/{service}",
       .summary = "Stop a service and take its entry out of registry.yml; containers, volumes and "
                  "files stay",
       .role = http::Role::admin,
       .errors = {Code::not_found,
                  Code::invalid,
                  Code::conflict,
                  Code::bad_gateway,
                  Code::unavailable,
                  Code::deadline},
       .query = {{.name = "force",
                  .description = "also when other services depend on it",
                  .type = "boolean"},
                 {.name = "keep_running",
                  .description = "do not stop it, or ask its host at all",
                  .type = "boolean"}}},
      *this,
      &ServiceEditsApi::remove);
}

asio::awaitable<http::Response> ServiceEditsApi::add(http::Call<ServiceFields> call) {
  EntryEdit edit;
  edit.kind = EntryEdit::Kind::add;
  edit.section = Section::services;
  edit.name = require_name(call.body.name);
  edit.fields = changes_of<ServiceFields>(http::parse_object_body(call.request().body));
  auto outcome = co_await editor_.edit(edit, edit_terms_of(call));
  co_return answer_of(edit, std::move(outcome), 201);
}

asio::awaitable<http::Response> ServiceEditsApi::change(http::Call<ServiceFields> call) {
  EntryEdit edit;
  edit.section = Section::services;
  edit.name = call.param("service");
  require_same_name(call.body.name, edit.name);
  edit.fields = changes_of<ServiceFields>(http::parse_object_body(call.request().body));
  auto outcome = co_await editor_.edit(edit, edit_terms_of(call));
  co_return answer_of(edit, std::move(outcome), 200);
}

asio::awaitable<http::Response> ServiceEditsApi::remove(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  EntryEdit edit;
  edit.kind = EntryEdit::Kind::remove;
  edit.section = Section::services;
  edit.name = call.param("service");
  auto terms = edit_terms_of(call);
  terms.force = call.query_bool("force", false);
  const auto& service = registry->require_service(edit.name, "path.service");
  if (!terms.force) files_.require_unneeded(*registry, edit.name);
  co_await editor_.require_possible(edit, terms);
  ServiceRemoved answer;
  answer.service = edit.name;
  const auto status = rows_.row(*registry, service).status;
  if (status == "running" && !call.query_bool("keep_running", false)) {
    co_await stop(edit.name, terms.who);
    answer.stopped = true;
  }
  const auto outcome = co_await editor_.edit(std::move(edit), std::move(terms));
  answer.revision = outcome.revision;
  answer.left = left_behind(service, answer.stopped, status);
  co_return http::json_response(dump(to_json(answer)));
}

asio::awaitable<void> ServiceEditsApi::stop(std::string service, std::string user) {
  auto begun = actions_.begin(deployment::Action::stop, std::move(service), std::move(user));
  const auto submitted = co_await on_executor(core_, std::move(begun));
  auto waiting = jobs_.wait(submitted.id);
  const auto job = co_await on_executor(core_, std::move(waiting));
  deployment::ServiceActions::require_success(job);
}

}  // namespace portoser::api
