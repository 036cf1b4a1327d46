#include "agent/deployments/compose_text.h"
#include "agent/deployments/program/work.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace portoser::agent::deployments {

int Work::check() {
  const auto file = as_compose_file(new_text());
  put_whole(candidate(), file, parameters_.command);
  return compose_({"config", "-q"}, {}, candidate());
}

int Work::check_kept() {
  const auto target = kept();
  static_cast<void>(files_of(target));  // none of them is damaged
  for (const auto& image : target.images) {
    if (engine_.image_id(image.image_id)) continue;
    throw Error{Code::not_found,
                fmt::format("the image {} ({}) of {} is not on this host any more",
                            image.reference,
                            image.image_id,
                            image.compose_service)}
        .reason("IMAGE_GONE")
        .hint("docker image prune -a takes kept images too; rebuild the service instead");
  }
  fmt::print("{} is whole: {} images\n", target.id, target.images.size());
  return 0;
}

/// A new text asks for images by name: what is not here, or is made in another way now.
Work::Needs Work::missing_images() {
  Needs needs;
  const auto ran = before();
  const auto changed = services_with_other_images(store_.text(ran), new_text(), parameters_.file);
  std::map<std::string, std::string> references;
  for (const auto& image : ran.images) references[image.compose_service] = image.reference;
  auto services = plain_services(new_text(), parameters_.file);
  if (!services) services = resolved_services(compose_.output({"config"}, candidate()));
  for (const auto& service : *services) {
    if (!parameters_.compose_service.empty() && service.name != parameters_.compose_service) {
      continue;
    }
    auto image = service.image;
    if (image.empty()) image = references[service.name];
    const bool is_here = !image.empty() && engine_.image_id(image).has_value();
    if (service.is_built) {
      if (!is_here || changed.contains(service.name)) needs.build.push_back(service.name);
    } else if (!is_here) {
      needs.pull.push_back(service.name);
    }
  }
  return needs;
}

int Work::images() {
  const auto needs = missing_images();
  if (!needs.pull.empty()) {
    if (const int status = compose_({"pull"}, needs.pull, candidate()); status != 0) return status;
  }
  return needs.build.empty() ? 0 : compose_({"build"}, needs.build, candidate());
}

int Work::install() {
  const auto ran = before();
  const auto now = read_whole(parameters_.file);
  const auto text = new_text();
  if (!now || (now->text != text && to_hex(sha256(now->text)) != ran.text_sha256)) {
    throw Error{Code::conflict,
                parameters_.file + " was changed while the command prepared; it was left alone"}
        .reason("STALE_REVISION")
        .hint("read the file again and make the change in its present text");
  }
  if (parameters_.restore.empty()) {
    put({parameters_.file, as_compose_file(text)}, "has its new text");
    return 0;
  }
  const auto target = kept();
  for (const auto& wanted : files_of(target)) put(wanted, "is as it was in " + target.id);
  name_images(target);
  return 0;
}

int Work::remove_gone() {
  remove_unnamed(new_text(), store_.text(before()));
  return 0;
}

/// Containers of the project whose services `other` has and `text` has not. Only those that were
/// made from this file alone: what else there may be in the project is not ours.
void Work::remove_unnamed(const std::string& text, const std::string& other) {
  if (!parameters_.compose_service.empty()) return;
  const auto named = services_of(text).all;
  const auto there = services_of(other).all;
  if (named.empty()) return;
  for (const auto& container : containers()) {
    const auto service = container.label("com.docker.compose.service");
    const auto files = container.label("com.docker.compose.project.config_files");
    const bool is_gone = there.contains(service) && !named.contains(service);
    if (!is_gone || files.find(',') != std::string::npos) continue;
    fmt::print("{} is removed: the text does not have it\n", container.name);
    engine_.remove_container(container.id);
  }
}

int Work::up_kept() {
  const auto target = kept();
  auto words = compose_.up_words();
  words.emplace_back("--force-recreate");
  std::set<std::string> ran;
  for (const auto& container : target.containers) ran.insert(container.compose_service);
  const auto named = services_of(store_.text(target));
  if (ran.empty() || (parameters_.compose_service.empty() && ran == named.started)) {
    return compose_(words);
  }
  words.emplace_back("--no-deps");
  return compose_(words, {ran.begin(), ran.end()});
}

}  // namespace portoser::agent::deployments
