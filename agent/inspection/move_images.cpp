#include "agent/inspection/move_images.h"

#include "agent/deployments/names.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace portoser::agent::inspection {
namespace {

/// What the file says of the service, or what 1.29 and v2 call what they built of it.
std::vector<std::string> names_of(const ModelService& service, const std::string& project) {
  if (!service.image.empty()) return {service.image};
  if (!service.has_build) return {};
  return {project + "-" + service.name, project + "_" + service.name};
}

/// By which name the other host has to know it: an image that lost its name to a newer one is shown
/// by its id.
std::string reference_for(const engine::Container& container,
                          const std::vector<ModelService>& services,
                          const std::string& compose_service) {
  const auto& shown = container.image;
  if (shown.find('@') != std::string::npos || !deployments::names_digest(shown)) return shown;
  for (const auto& service : services) {
    if (service.name == compose_service) return service.image;
  }
  return {};
}

void add_once(protocol::MoveImage image, std::vector<protocol::MoveImage>& images) {
  const auto is_same = [&](const protocol::MoveImage& one) {
    return one.image == image.image && one.reference == image.reference;
  };
  if (std::none_of(images.begin(), images.end(), is_same)) images.push_back(std::move(image));
}

/// Of a name that the file has; one that the engine refuses is nothing that it has.
asio::awaitable<std::optional<engine::Image>> find_named(std::string name, engine::Client& engine) {
  try {
    co_return co_await engine.find_image(std::move(name));
  } catch (const Error& error) {
    if (error.code() != Code::invalid) throw;
  }
  co_return std::nullopt;
}

}  // namespace

asio::awaitable<std::vector<protocol::MoveImage>> take_images(std::vector<engine::Container> own,
                                                              std::vector<ModelService> services,
                                                              std::string project,
                                                              engine::Client& engine,
                                                              Findings& findings) {
  findings.begin("images");
  std::vector<protocol::MoveImage> images;
  std::set<std::string> with_containers;
  for (const auto& container : own) {
    protocol::MoveImage image;
    image.compose_service = container.label("com.docker.compose.service");
    with_containers.insert(image.compose_service);
    image.reference = reference_for(container, services, image.compose_service);
    const auto found = co_await engine.find_image(container.image_id);
    if (!found) {
      findings.warning("IMAGE_GONE",
                       image.reference,
                       fmt::format("the image that {} was made of is not on this host any more: "
                                   "the other one has to pull it",
                                   container.name),
                       "");
      continue;
    }
    image.image = found->id;
    image.bytes = found->size_bytes;
    add_once(std::move(image), images);
  }
  for (const auto& service : services) {
    if (with_containers.count(service.name) > 0) continue;
    for (const auto& name : names_of(service, project)) {
      auto finding = find_named(name, engine);
      const auto found = co_await std::move(finding);
      if (!found) continue;
      add_once({service.name, name, found->id, found->size_bytes}, images);
      break;
    }
  }
  co_return images;
}

}  // namespace portoser::agent::inspection
