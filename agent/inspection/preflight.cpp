#include "agent/inspection/preflight.h"

#include "agent/actions/compose_tool.h"
#include "agent/deployments/kept_deployments.h"
#include "agent/deployments/names.h"
#include "agent/engine/compose_labels.h"
#include "agent/inspection/compose_config.h"
#include "agent/inspection/compose_model.h"
#include "agent/inspection/findings.h"
#include "agent/inspection/host_checks.h"
#include "agent/inspection/image_checks.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <set>
#include <utility>

namespace portoser::agent::inspection {
namespace {

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

/// Which file compose shall check, and what its relative paths mean.
ConfigCall call_for(const protocol::PreflightCompose& asked,
                    const std::string& file,
                    const Place& place) {
  ConfigCall call;
  call.service = asked.target.service;
  call.file = file;
  call.folder = std::filesystem::path{file}.parent_path().string();
  call.project = asked.target.project;
  call.is_restore = asked.action == "restore";
  if (!asked.replaces_text) return call;
  const auto copy = place.folder / "compose.yml";
  write_file_atomic(copy, asked.text, 0600);
  call.file = copy.string();
  return call;
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
    add_file_missing(target, findings);
    co_return std::move(findings.report());
  }
  std::optional<deployments::KeptDeployment> kept;
  if (asked.action == "restore") {
    kept = kept_deployment(asked, identity.file, place.data, findings);
    if (!kept) co_return std::move(findings.report());
    asked.replaces_text = true;
    asked.text = deployments::KeptDeployments{place.data}.text(*kept);
  }
  auto call = call_for(asked, identity.file, place);
  std::vector<std::string> folders{call.folder};
  auto checking = checked_config(std::move(call), actions::ComposeFinder{}, findings);
  const auto config = co_await std::move(checking);
  if (!config) {
    if (kept) co_await check_kept_images(*kept, engine, findings);
    co_return std::move(findings.report());
  }
  const auto project = deployments::project_of(target.project, identity.file);
  auto model = compose_model(*config, project);
  findings.report().volumes = model.volumes;
  model.services = services_meant(model, target.compose_service);
  if (model.services.empty()) {
    add_service_missing(target.compose_service, findings);
    co_return std::move(findings.report());
  }
  check_mounts(model, findings);
  check_memory(model, read_file("/proc/meminfo"), findings);
  std::optional<Error> failed;
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
