#include "agent/inspection/preflight.h"

#include "agent/actions/compose_tool.h"
#include "agent/actions/failure_text.h"
#include "agent/actions/masked_output.h"
#include "agent/deployments/kept_deployments.h"
#include "agent/deployments/names.h"
#include "agent/engine/compose_labels.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/host_checks.h"
#include "agent/inspection/image_checks.h"
#include "common/child.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

namespace portoser::agent::inspection {
namespace {

constexpr std::chrono::seconds config_limit{30};
constexpr std::size_t longest_config = std::size_t{4} << 20U;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(actions::masked_line(line));
  }
  return lines;
}

/// "The FOO variable is not set", as 1.29 and v2 say it.
std::vector<std::string> unset_variables(const std::string& errors) {
  static const std::regex said{
      R"rx([Tt]he \\?"?([A-Za-z_][A-Za-z0-9_]*)\\?"? variable is not set)rx"};
  std::vector<std::string> names;
  for (std::sregex_iterator one{errors.begin(), errors.end(), said}, end; one != end; ++one) {
    auto name = (*one)[1].str();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

bool speaks_of_a_missing_value(const std::string& text) {
  return text.find("required variable") != std::string::npos ||
         text.find("Missing mandatory value") != std::string::npos ||
         text.find("Couldn't find env file") != std::string::npos ||
         text.find("env file") != std::string::npos;
}

/// Everything of a kept deployment must still be here: none, with a finding: it is not.
std::optional<deployments::KeptDeployment> kept_deployment(const protocol::PreflightCompose& asked,
                                                           const std::string& file,
                                                           const std::filesystem::path& data,
                                                           Findings& findings) {
  findings.begin("kept");
  const deployments::KeptDeployments store{data};
  auto kept = store.find(asked.target.service, asked.restore);
  if (kept && (kept->file != file || kept->project != asked.target.project ||
               kept->compose_service != asked.target.compose_service)) {
    findings.error(
        "DEPLOYMENT_ELSEWHERE",
        asked.restore,
        fmt::format(
            "{} was of {}{}{}, and the service is another one by now",
            asked.restore,
            kept->file,
            kept->project.empty() ? "" : ", project " + kept->project,
            kept->compose_service.empty() ? "" : ", compose service " + kept->compose_service),
        "put docker_compose, project and service_name of its entry back first");
    return std::nullopt;
  }
  if (!kept) {
    findings.error("DEPLOYMENT_NOT_KEPT",
                   asked.restore,
                   fmt::format("this host does not keep the deployment {}", asked.restore),
                   fmt::format("a host keeps the newest {} of a service; choose one of these",
                               deployments::most_kept));
    return std::nullopt;
  }
  return kept;
}

asio::awaitable<void> check_kept_images(const deployments::KeptDeployment& kept,
                                        engine::Client& engine,
                                        Findings& findings) {
  findings.begin("images");
  for (const auto& image : kept.images) {
    const auto found = co_await engine.find_image(image.image_id);
    if (found) continue;
    findings.error("IMAGE_GONE",
                   image.reference,
                   fmt::format("the image {} of {} is not on this host any more",
                               image.reference,
                               image.compose_service),
                   "docker image prune -a takes kept images too; rebuild the service instead");
  }
}

/// Where the file that compose shall check lies, and what its relative paths mean.
struct ToCheck {
  std::string file;
  std::string folder;
};

ToCheck file_to_check(const protocol::PreflightCompose& asked,
                      const std::string& file,
                      const Place& place) {
  const auto folder = std::filesystem::path{file}.parent_path().string();
  if (!asked.replaces_text) return {file, folder};
  const auto copy = place.folder / "compose.yml";
  write_file_atomic(copy, asked.text, 0600);
  return {copy.string(), folder};
}

/// What `config` prints; none, with a finding: the file is not valid.
asio::awaitable<std::optional<std::string>> checked_config(ToCheck to_check,
                                                           std::string project,
                                                           bool is_restore,
                                                           Findings& findings) {
  actions::ComposeFinder finder;
  const auto tool = co_await finder.find();
  ChildRequest request;
  request.argv = tool.argv;
  request.argv.insert(request.argv.end(),
                      {"-f", to_check.file, "--project-directory", to_check.folder});
  if (!project.empty()) request.argv.insert(request.argv.end(), {"-p", project});
  request.argv.emplace_back("config");
  request.folder = to_check.folder;
  request.limit = config_limit;
  request.output_limit = longest_config;
  request.errors_apart = true;
  auto running = run_child(std::move(request));
  auto ended = co_await std::move(running);
  if (is_restore && (ended.exit_code != 0 || ended.timed_out)) {
    // It was valid with the environment files that come back with it, which are not there now.
    findings.warning("COMPOSE_INVALID",
                     to_check.folder,
                     "the kept file could not be checked with the environment of now",
                     "");
    co_return std::nullopt;
  }
  for (const auto& name : unset_variables(ended.errors)) {
    findings.warning(
        "ENV_MISSING",
        name,
        fmt::format("the variable {} is not set: the compose file gets an empty text", name),
        "set it in .env beside the compose file");
  }
  if (ended.exit_code == 0 && !ended.timed_out) co_return std::move(ended.output);
  if (ended.timed_out) {
    findings.error("QUESTION_DEADLINE",
                   to_check.folder,
                   fmt::format("compose did not check the file in {} s", config_limit.count()),
                   "the host is overloaded, or its disk hangs");
    co_return std::nullopt;
  }
  actions::StepFailure failure;
  failure.step = "config";
  failure.exit_code = ended.exit_code;
  failure.lines = lines_of(ended.errors);
  const auto error = actions::explain_compose_failure(failure);
  findings.error(speaks_of_a_missing_value(ended.errors) ? "ENV_MISSING" : "COMPOSE_INVALID",
                 to_check.folder,
                 error.message(),
                 error.hint());
  co_return std::nullopt;
}

/// The services that the action is about.
std::vector<ModelService> meant(const ComposeModel& model, const std::string& compose_service) {
  std::vector<ModelService> found;
  for (const auto& service : model.services) {
    // docker-compose 1.29 prints those of profiles too, and `up` leaves them alone.
    const bool is_meant =
        compose_service.empty() ? !service.has_profile : service.name == compose_service;
    if (is_meant) found.push_back(service);
  }
  return found;
}

asio::awaitable<void> check_with_engine(const protocol::PreflightCompose& asked,
                                        const engine::ComposeIdentity& identity,
                                        const ComposeModel& model,
                                        const std::optional<deployments::KeptDeployment>& kept,
                                        std::vector<std::string> folders,
                                        engine::Client& engine,
                                        Findings& findings) {
  const auto machine = co_await engine.machine();
  if (!machine.root_folder.empty()) folders.push_back(machine.root_folder);
  check_disk(folders, findings);
  if (kept) {
    co_await check_kept_images(*kept, engine, findings);
  } else {
    co_await check_images(model.services, asked.action == "rebuild", engine, findings);
  }
  co_await check_externals(model, engine, findings);
  std::set<std::string> own;
  const auto containers = co_await engine.containers();
  for (const auto& container : containers) {
    if (engine::belongs_to(container, identity)) own.insert(container.id);
  }
  const auto taken = co_await engine.taken_ports();
  check_ports(model, taken, listeners(), own, findings);
}

}  // namespace

asio::awaitable<protocol::PreflightReport> preflight_compose(protocol::PreflightCompose asked,
                                                             engine::Client& engine,
                                                             Place place) {
  const auto& target = asked.target;
  Findings findings;
  findings.begin("config");
  const auto identity =
      engine::identify_compose(target.files, target.project, target.compose_service);
  if (identity.file.empty()) {
    findings.error("COMPOSE_FILE_MISSING",
                   target.service,
                   fmt::format("{} has no compose file on this host; looked for {}",
                               target.service,
                               fmt::join(target.files, ", ")),
                   "copy the project's folder to this host, or correct the path in the registry");
    co_return std::move(findings.report());
  }
  std::optional<deployments::KeptDeployment> kept;
  if (asked.action == "restore") {
    kept = kept_deployment(asked, identity.file, place.data, findings);
    if (!kept) co_return std::move(findings.report());
    asked.replaces_text = true;
    asked.text = deployments::KeptDeployments{place.data}.text(*kept);
  }
  const auto to_check = file_to_check(asked, identity.file, place);
  std::optional<Error> failed;
  std::optional<std::string> config;
  try {
    config = co_await checked_config(to_check, target.project, asked.action == "restore", findings);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) {
    findings.error(failed->reason(), target.service, failed->message(), failed->hint());
  }
  if (!config) {
    if (kept) co_await check_kept_images(*kept, engine, findings);
    co_return std::move(findings.report());
  }
  const auto project = deployments::project_of(target.project, identity.file);
  auto model = compose_model(*config, project);
  findings.report().volumes = model.volumes;
  model.services = meant(model, target.compose_service);
  if (model.services.empty()) {
    findings.error("COMPOSE_SERVICE_MISSING",
                   target.compose_service,
                   fmt::format("the compose file has no service \"{}\"", target.compose_service),
                   "correct service_name in the registry, or the compose file");
    co_return std::move(findings.report());
  }
  check_mounts(model, findings);
  check_memory(model, read_file("/proc/meminfo"), findings);
  std::vector<std::string> folders{to_check.folder};
  try {
    co_await check_with_engine(asked, identity, model, kept, std::move(folders), engine, findings);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) {
    findings.error(failed->reason(), "engine", failed->message(), failed->hint());
  }
  co_return std::move(findings.report());
}

}  // namespace portoser::agent::inspection
