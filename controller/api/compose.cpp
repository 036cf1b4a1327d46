#include "controller/api/compose.h"

#include "controller/api/entity_tags.h"
#include "controller/api/job_answer.h"
#include "controller/deployment/service_actions.h"
#include "controller/deployment/text_difference.h"
#include "controller/history/history.h"
#include "controller/http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::api {
namespace {

/// A text may have 256 KiB, and JSON escapes its line ends and quotes.
constexpr std::size_t text_body_limit = std::size_t{1} << 20U;

struct KeyView {
  std::string name;
  std::string file;
};
BOOST_DESCRIBE_STRUCT(KeyView, (), (name, file))

struct ComposeView {
  std::string service;
  std::string machine;
  std::string file;
  std::string text;
  std::optional<std::string> text_problem;  ///< why `text` is empty although the file is not
  std::string revision;                     ///< of the file
  std::int64_t size_bytes = 0;
  std::vector<KeyView> environment;  ///< variables from files; their values stay on the host
  std::vector<protocol::ImageInUse> images;
  std::optional<std::string> images_problem;  ///< why `images` is not known
  std::vector<std::string> kept;              ///< deployments to go back to, newest first
};
BOOST_DESCRIBE_STRUCT(ComposeView,
                      (),
                      (service,
                       machine,
                       file,
                       text,
                       text_problem,
                       revision,
                       size_bytes,
                       environment,
                       images,
                       images_problem,
                       kept))

struct ComposeCheck {
  bool valid = false;      ///< no finding is an error
  std::string revision;    ///< of the file as it is
  std::string difference;  ///< of the text from the file, unified; empty: none
  std::vector<protocol::Finding> findings;
  std::vector<std::string> checks;
};
BOOST_DESCRIBE_STRUCT(ComposeCheck, (), (valid, revision, difference, findings, checks))

struct ComposeWritten {
  bool success = true;
  std::string service;
  bool applied = false;
  std::string difference;     ///< of what was written from what was there
  std::string deployment_id;  ///< in the history
  std::string job_id;
  std::string state;
};
BOOST_DESCRIBE_STRUCT(ComposeWritten,
                      (),
                      (success, service, applied, difference, deployment_id, job_id, state))

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

/// A text that was shown with a letter replaced would be saved so.
std::optional<std::string> problem_of_text(const protocol::ComposeInspection& found) {
  if (found.text.empty() && found.size_bytes > 0) {
    return fmt::format("the file has {} bytes, and {} are shown at most",
                       found.size_bytes,
                       protocol::compose_text_limit);
  }
  if (!is_utf8(found.text)) return "the file is no UTF-8";
  return std::nullopt;
}

/// What the client read: If-Match goes before the body.
std::string revision_of(const http::Call<ComposeText>& call, const std::string& present) {
  const auto tags = if_match(call.request());
  if (!tags.empty() && tags.front() == "*") return present;
  if (!tags.empty()) return tags.front();
  if (call.body.revision && !call.body.revision->empty()) return *call.body.revision;
  throw Error{Code::invalid, "which text does this one replace?", "body.revision"}.hint(
      "send the revision that GET gave, or If-Match");
}

}  // namespace

void ComposeApi::add_to(http::Router& router) {
  const std::vector<Code> errors{Code::not_found, Code::invalid, Code::unavailable, Code::deadline};
  router.add<ComposeView>({.path = "/api/services/{service}/compose",
                           .summary = "The compose file of a service as it lies on its host",
                           .role = http::Role::admin,
                           .errors = errors},
                          *this,
                          &ComposeApi::read);
  router.add<ComposeCheck>(
      {.method = http::Method::post,
       .path = "/api/services/{service}/compose/validate",
       .summary = "What would go wrong with another text, and how it differs; nothing is written",
       .role = http::Role::admin,
       .errors = errors,
       .body_limit = text_body_limit},
      *this,
      &ComposeApi::validate);
  auto route = job_route("/api/services/{service}/compose",
                         "Write the compose file; with apply, bring the service to it, and back "
                         "when its health does not come");
  route.method = http::Method::put;
  route.role = http::Role::admin;
  route.body_limit = text_body_limit;
  route.query = {{"apply", "also bring the service to it", "boolean"}};
  router.add<ComposeWritten>(std::move(route), *this, &ComposeApi::write);
}

asio::awaitable<http::Response> ComposeApi::read(http::Call<void> call) {
  auto reading = files_.read(call.param("service"));
  auto file = co_await on_executor(core_, std::move(reading));
  ComposeView view;
  view.service = call.param("service");
  view.machine = std::move(file.machine);
  auto& found = file.found;
  view.file = std::move(found.file);
  view.text_problem = problem_of_text(found);
  if (!view.text_problem) view.text = std::move(found.text);
  view.revision = found.revision;
  view.size_bytes = found.size_bytes;
  for (const auto& key : found.environment) view.environment.push_back({key.name, key.file});
  view.images = std::move(found.images);
  if (!found.images_problem.empty()) view.images_problem = found.images_problem;
  view.kept = std::move(found.kept);
  auto response = http::json_response(dump(to_json(view)));
  set_entity_tag(response, found.revision);
  co_return response;
}

asio::awaitable<http::Response> ComposeApi::validate(http::Call<ComposeText> call) {
  auto reading = files_.read(call.param("service"));
  const auto file = co_await on_executor(core_, std::move(reading));
  auto checking = files_.check(call.param("service"), call.body.text);
  auto report = co_await on_executor(core_, std::move(checking));
  ComposeCheck answer;
  answer.valid = std::none_of(report.findings.begin(), report.findings.end(), deployment::is_error);
  answer.revision = file.found.revision;
  answer.difference = deployment::unified_difference(file.found.text, call.body.text);
  answer.findings = std::move(report.findings);
  answer.checks = std::move(report.checks);
  co_return http::json_response(dump(to_json(answer)));
}

asio::awaitable<http::Response> ComposeApi::write(http::Call<ComposeText> call) {
  deployment::TextWish wish;
  wish.service = call.param("service");
  wish.apply = call.query_bool("apply", false);
  wish.why = call.body.why;
  auto reading = files_.read(wish.service);
  const auto file = co_await on_executor(core_, std::move(reading));
  wish.revision = revision_of(call, file.found.revision);
  ComposeWritten answer;
  answer.service = wish.service;
  answer.applied = wish.apply;
  answer.difference = deployment::unified_difference(file.found.text, call.body.text);
  wish.text = std::move(call.body.text);
  auto beginning = files_.begin(std::move(wish), call.user().name);
  const auto submitted = co_await on_executor(core_, std::move(beginning));
  answer.job_id = submitted.id;
  co_return co_await job_answer(jobs_,
                                core_,
                                call.request(),
                                std::move(answer),
                                [](const storage::JobRecord& job, ComposeWritten& written) {
                                  deployment::ServiceActions::require_success(job);
                                  written.deployment_id = history::History::id_of(job);
                                });
}

}  // namespace portoser::api
