#include "agent/inspection/image_checks.h"

#include "agent/actions/compose_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace portoser::agent::inspection {
namespace {

std::string shown(const engine::Platform& platform) {
  return platform.os + "/" + platform.architecture;
}

/// "linux/arm64/v8" without its variant.
engine::Platform wanted(const ModelService& service, const engine::Platform& host) {
  if (service.platform.empty()) return host;
  const auto slash = service.platform.find('/');
  if (slash == std::string::npos) return {service.platform, host.architecture};
  auto architecture = service.platform.substr(slash + 1);
  return {service.platform.substr(0, slash), architecture.substr(0, architecture.find('/'))};
}

void judge_platform(const ModelService& service,
                    const std::vector<engine::Platform>& offered,
                    const engine::Platform& host,
                    Findings& findings) {
  if (offered.empty() || host.architecture.empty()) return;
  const auto fits = [&](const engine::Platform& one) {
    const auto wish = wanted(service, host);
    return one.architecture == wish.architecture && (one.os.empty() || one.os == wish.os);
  };
  const auto runs_as_is = std::any_of(offered.begin(), offered.end(), fits) &&
                          wanted(service, host).architecture == host.architecture;
  if (runs_as_is) return;
  const auto& one = offered.front();
  const auto message = fmt::format(
      "the image {} is for {}, and the host is {}", service.image, shown(one), shown(host));
  const auto runs_smaller = [&](const auto& offer) {
    return is_smaller_kin(offer.architecture, host.architecture);
  };
  if (std::any_of(offered.begin(), offered.end(), runs_smaller)) {
    findings.warning(
        "ARCH_MISMATCH", service.image, message + " (it runs where the kernel can)", "");
  } else if (is_emulated(one.architecture)) {
    findings.warning("ARCH_MISMATCH", service.image, message + " (it would be emulated)", "");
  } else {
    findings.error("ARCH_MISMATCH",
                   service.image,
                   message,
                   "use an image for this host, or a host for this image");
  }
}

void judge_build(const ModelService& service, Findings& findings) {
  std::error_code failure;
  if (service.build_folder.empty() ||
      std::filesystem::is_directory(service.build_folder, failure)) {
    return;
  }
  findings.error(
      "BUILD_FOLDER_MISSING",
      service.build_folder,
      fmt::format("{} is built in {}, which is not there", service.name, service.build_folder),
      "copy it to the host, or name an image instead");
}

/// Whether the image can be had from its registry.
asio::awaitable<void> look_in_registry(const ModelService& service,
                                       const engine::Platform& host,
                                       bool is_there,
                                       engine::Client& engine,
                                       Findings& findings) {
  std::optional<Error> refused;
  std::vector<engine::Platform> platforms;
  try {
    platforms = co_await engine.platforms(service.image);
  } catch (const Error& error) {
    refused = error;
  }
  if (!refused) {
    judge_platform(service, platforms, host, findings);
    co_return;
  }
  findings.error("IMAGE_UNAVAILABLE",
                 service.image,
                 is_there ? fmt::format("the image {} is here and cannot be fetched anew: {}",
                                        service.image,
                                        refused->message())
                          : fmt::format("the image {} is neither here nor can it be fetched: {}",
                                        service.image,
                                        refused->message()),
                 "look at its name and tag, and whether the host reaches the image's registry; "
                 "pull_policy: never or missing keeps to what is here");
}

asio::awaitable<void> look_at_image(const ModelService& service,
                                    const engine::Platform& host,
                                    bool pulls,
                                    engine::Client& engine,
                                    Findings& findings) {
  if (service.has_build) {
    judge_build(service, findings);
    if (service.image.empty()) co_return;
  }
  const auto image = co_await engine.find_image(service.image);
  if (image) judge_platform(service, {image->platform}, host, findings);
  if (service.has_build) co_return;
  const auto& policy = service.pull_policy;
  if (!image && policy == "never") {
    findings.error("IMAGE_UNAVAILABLE",
                   service.image,
                   fmt::format("the image {} is not here, and the compose file forbids to pull it",
                               service.image),
                   "load it on the host, or change pull_policy");
  } else if (!image || (pulls && actions::is_pulled(policy))) {
    co_await look_in_registry(service, host, image.has_value(), engine, findings);
  }
}

}  // namespace

bool is_emulated(const std::string& architecture) {
  const auto name = architecture == "amd64"   ? std::string{"x86_64"}
                    : architecture == "arm64" ? std::string{"aarch64"}
                                              : architecture;
  std::error_code failure;
  return std::filesystem::exists("/proc/sys/fs/binfmt_misc/qemu-" + name, failure);
}

bool is_smaller_kin(const std::string& image, const std::string& host) {
  return (image == "arm" && host == "arm64") || (image == "386" && host == "amd64");
}

asio::awaitable<void> check_images(const std::vector<ModelService>& services,
                                   bool pulls,
                                   engine::Client& engine,
                                   Findings& findings) {
  findings.begin("images");
  const auto machine = co_await engine.machine();
  for (const auto& service : services) {
    std::optional<Error> failed;
    try {
      co_await look_at_image(service, machine.platform, pulls, engine, findings);
    } catch (const Error& error) {
      failed = error;
    }
    if (failed) {
      findings.warning("IMAGE_UNKNOWN", service.image, failed->message(), failed->hint());
    }
  }
}

asio::awaitable<void> check_networks(std::vector<std::string> names,
                                     engine::Client& engine,
                                     Findings& findings) {
  findings.begin("networks");
  if (names.empty()) co_return;
  const auto there = co_await engine.networks();
  for (const auto& name : names) {
    if (std::find(there.begin(), there.end(), name) != there.end()) continue;
    findings.error("NETWORK_MISSING",
                   name,
                   fmt::format("the external network {} is not there", name),
                   fmt::format("docker network create {}", name));
  }
}

asio::awaitable<void> check_externals(const ComposeModel& model,
                                      engine::Client& engine,
                                      Findings& findings) {
  auto networks = check_networks(model.external_networks, engine, findings);
  co_await std::move(networks);
  findings.begin("volumes");
  if (!model.external_volumes.empty()) {
    const auto there = co_await engine.volumes();
    for (const auto& name : model.external_volumes) {
      if (std::find(there.begin(), there.end(), name) != there.end()) continue;
      findings.error("VOLUME_MISSING",
                     name,
                     fmt::format("the external volume {} is not there", name),
                     fmt::format("docker volume create {}", name));
    }
  }
}

}  // namespace portoser::agent::inspection
