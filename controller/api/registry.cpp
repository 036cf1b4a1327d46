#include "controller/api/registry.h"

#include "controller/api/edit_terms.h"
#include "controller/api/entity_tags.h"
#include "controller/api/registry_rows.h"
#include "controller/http/router.h"

#include <algorithm>

namespace portoser::api {

struct RegistryTextRequest {
  std::string text;
  std::optional<std::string> revision;  ///< of the text that was read, if not in If-Match
};
BOOST_DESCRIBE_STRUCT(RegistryTextRequest, (), (text, revision))

struct RegistryText {
  std::string text;      ///< as it lies on the disk; secrets are "***"
  std::string revision;  ///< of it; empty: there is no file
  std::string in_force;  ///< the revision that is in force
  registry::Source source = registry::Source::never_read;
  std::string file;
  std::optional<RegistryProblem> problem;  ///< why the text is not in force
};
BOOST_DESCRIBE_STRUCT(RegistryText, (), (text, revision, in_force, source, file, problem))

struct RegistryReplaced {
  bool success = true;
  std::string revision;
  registry::Changes changes;
  std::vector<registry::Finding> findings;
};
BOOST_DESCRIBE_STRUCT(RegistryReplaced, (), (success, revision, changes, findings))

struct RegistryPreview {
  bool valid = false;
  std::optional<RegistryProblem> problem;  ///< why it would be refused as a whole
  registry::Changes changes;               ///< against what is in force
  std::vector<registry::Finding> findings;
};
BOOST_DESCRIBE_STRUCT(RegistryPreview, (), (valid, problem, changes, findings))

struct RegistryReloaded {
  registry::Source source = registry::Source::never_read;
  std::string revision;  ///< that is in force
  std::optional<RegistryProblem> problem;
  std::vector<registry::Finding> findings;
};
BOOST_DESCRIBE_STRUCT(RegistryReloaded, (), (source, revision, problem, findings))

struct RegistryHistory {
  std::vector<registry::Backup> backups;  ///< newest first
};
BOOST_DESCRIBE_STRUCT(RegistryHistory, (), (backups))

namespace {

/// A registry may have 4 MiB, and JSON escapes its line ends and quotes.
constexpr std::size_t text_body_limit = std::size_t{9} << 20U;

http::Response replaced(registry::TextOutcome outcome) {
  RegistryReplaced answer;
  answer.revision = std::move(outcome.revision);
  answer.changes = std::move(outcome.changes);
  answer.findings = std::move(outcome.findings);
  auto response = http::json_response(dump(to_json(answer)));
  set_entity_tag(response, answer.revision);
  return response;
}

}  // namespace

void RegistryApi::add_to(http::Router& router) {
  const std::vector<Code> errors{Code::not_found, Code::invalid, Code::conflict, Code::unavailable};
  const auto route = [&](http::Method method, std::string path, std::string summary) {
    return http::Route{.method = method,
                       .path = "/api/registry" + path,
                       .summary = std::move(summary),
                       .role = http::Role::admin,
                       .errors = errors,
                       .body_limit = text_body_limit};
  };
  router.add<RegistryText>(
      route(http::Method::get, "", "The text of registry.yml, with its secrets as \"***\""),
      *this,
      &RegistryApi::text);
  router.add<RegistryReplaced>(
      route(http::Method::put,
            "",
            "Replace the text of registry.yml; needs the revision that was read (412)"),
      *this,
      &RegistryApi::replace);
  router.add(route(http::Method::post, "/validate", "What a text would do; nothing is written"),
             *this,
             &RegistryApi::validate);
  router.add(
      route(http::Method::post, "/reload", "Read registry.yml now"), *this, &RegistryApi::reload);
  router.add(route(http::Method::get, "/history", "The texts that were replaced, newest first"),
             *this,
             &RegistryApi::history);
  router.add<RegistryReplaced>(
      route(http::Method::post, "/restore/{id}", "Put one of those in force again"),
      *this,
      &RegistryApi::restore);
}

asio::awaitable<http::Response> RegistryApi::text(http::Call<void>) {
  auto on_disk = co_await editor_.text();
  const auto state = registry_.snapshot();
  RegistryText answer;
  answer.text = std::move(on_disk.text);
  answer.revision = std::move(on_disk.revision);
  answer.in_force = state->registry->revision;
  answer.source = state->source;
  answer.file = state->registry->file;
  answer.problem = problem_row(state->problem);
  auto response = http::json_response(dump(to_json(answer)));
  if (!answer.revision.empty()) set_entity_tag(response, answer.revision);
  co_return response;
}

asio::awaitable<http::Response> RegistryApi::replace(http::Call<RegistryTextRequest> call) {
  auto terms = edit_terms_of(call);
  if (call.body.revision) {
    const auto& wanted = terms.if_revision;
    const bool agrees =
        wanted.empty() ||
        std::find(wanted.begin(), wanted.end(), *call.body.revision) != wanted.end();
    if (!agrees || *call.body.revision == "*") {
      throw Error{Code::invalid,
                  agrees ? "the revision of the text that was read is needed, not \"*\""
                         : "body.revision and If-Match name different texts",
                  "body.revision"};
    }
    terms.if_revision.assign(1, *call.body.revision);
  }
  if (terms.if_revision.empty()) {
    throw Error{Code::invalid, "the revision of the text that was read is missing", "body.revision"}
        .hint("send what GET /api/registry gave, there or as If-Match");
  }
  auto outcome = co_await editor_.replace(std::move(call.body.text), std::move(terms));
  co_return replaced(std::move(outcome));
}

asio::awaitable<RegistryPreview> RegistryApi::validate(http::Call<RegistryTextRequest> call) {
  auto preview = co_await editor_.preview(std::move(call.body.text));
  RegistryPreview answer;
  answer.valid = preview.valid;
  answer.problem = problem_row(preview.problem);
  answer.changes = std::move(preview.changes);
  answer.findings = std::move(preview.findings);
  co_return answer;
}

asio::awaitable<RegistryReloaded> RegistryApi::reload(http::Call<void>) {
  const auto state = co_await registry_.reload();
  RegistryReloaded answer;
  answer.source = state->source;
  answer.revision = state->registry->revision;
  answer.problem = problem_row(state->problem);
  answer.findings = state->registry->findings;
  co_return answer;
}

asio::awaitable<RegistryHistory> RegistryApi::history(http::Call<void>) {
  RegistryHistory answer;
  answer.backups = co_await editor_.history();
  co_return answer;
}

asio::awaitable<http::Response> RegistryApi::restore(http::Call<void> call) {
  auto outcome = co_await editor_.restore(call.param("id"), edit_terms_of(call));
  co_return replaced(std::move(outcome));
}

}  // namespace portoser::api
