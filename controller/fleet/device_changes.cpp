#include "controller/fleet/device_changes.h"

#include "common/error.h"

#include <utility>

namespace portoser::fleet {

DeviceMode mode_of(const std::string& word) {
  if (word == "maintenance") return DeviceMode::maintenance;
  if (word == "disabled") return DeviceMode::disabled;
  if (word == "active" || word == "normal" || word == "online") return DeviceMode::normal;
  throw Error{Code::invalid,
              "\"status\" must be \"maintenance\", \"disabled\" or \"active\"",
              "body.status"};
}

void check_update(const DeviceUpdate& update) {
  if (update.resources) check_resources(*update.resources);
  if (update.capabilities) check_capabilities(*update.capabilities);
  if (update.labels) check_labels(*update.labels);
  if (update.ssh_user) check_line(*update.ssh_user, "body.ssh_user");
  if (update.ssh_key_fingerprint) {
    check_line(*update.ssh_key_fingerprint, "body.ssh_key_fingerprint");
  }
  if (update.description) check_line(*update.description, "body.description");
}

void check_reported(const ReportedUse& use) {
  constexpr double whole = 100;
  const auto check_one = [](const std::optional<double>& percent, const std::string& name) {
    if (!percent || (*percent >= 0 && *percent <= whole)) return;
    throw Error{
        Code::invalid, "\"" + name + "\" must be a number from 0 to 100", "body.metrics." + name};
  };
  check_one(use.cpu_percent, "cpu_percent");
  check_one(use.memory_percent, "memory_percent");
  check_one(use.disk_percent, "disk_percent");
}

bool declares(const DeviceUpdate& update) {
  return update.resources || update.capabilities || update.labels || update.ssh_user ||
         update.ssh_key_fingerprint || update.description || update.measured_resources;
}

DeviceDeclaration merged(DeviceDeclaration declared, DeviceUpdate update) {
  if (update.measured_resources) declared.resources.reset();
  if (update.resources) {
    const auto& said = *update.resources;
    declared.gpu = said.gpu.value_or(declared.gpu);
    declared.mlx_capable = said.mlx_capable.value_or(declared.mlx_capable);
    if (!declared.resources) declared.resources.emplace();
    auto& known = *declared.resources;
    if (said.cpu_cores) known.cpu_cores = said.cpu_cores;
    if (said.cpu_threads) known.cpu_threads = said.cpu_threads;
    if (said.memory_gb) known.memory_gb = said.memory_gb;
    if (said.disk_gb) known.disk_gb = said.disk_gb;
  }
  if (update.capabilities) declared.capabilities = std::move(*update.capabilities);
  if (update.labels) declared.labels = std::move(*update.labels);
  if (update.ssh_user) declared.ssh_user = std::move(*update.ssh_user);
  if (update.ssh_key_fingerprint) {
    declared.ssh_key_fingerprint = std::move(*update.ssh_key_fingerprint);
  }
  if (update.description) declared.description = std::move(*update.description);
  return declared;
}

}  // namespace portoser::fleet
