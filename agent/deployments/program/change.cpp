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

/// A text asks for images by name: what is not here, or is made in another way by a new one.
Work::Needs Work::missing_images() {
  Needs needs;
  const auto ran = before();
  const auto text = is_activation() ? store_.text(ran) : new_text();
  const auto file = is_activation() ? parameters_.file : candidate();
  const auto changed = services_with_other_images(store_.text(ran), text, parameters_.file);
  std::map<std::string, std::string> references;
  for (const auto& image : ran.images) references[image.compose_service] = image.reference;
  auto services = plain_services(text, parameters_.file);
  if (!services) services = resolved_services(compose_.output({"config"}, file));
  for (const auto& service : *services) {
    if (!parameters_.compose_service.empty() && service.name != parameters_.compose_service) {
      continue;
    }
    auto image = service.image;
    if (image.empty()) image = references[service.name];
    // It may have come here under that name.
    if (image.empty() && is_activation()) image = default_image(service.name);
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
  const auto file = is_activation() ? parameters_.file : candidate();
  if (!needs.pull.empty()) {
    if (const int status = compose_({"pull"}, needs.pull, file); status != 0) return status;
  }
  return needs.build.empty() ? 0 : compose_({"build"}, needs.build, file);
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
    const Wanted wanted{parameters_.file, as_compose_file(text)};
    keep_displaced(ran, {wanted});
    put(wanted, "has its new text");
    return 0;
  }
  const auto target = kept();
  const auto files = files_of(target);
  keep_displaced(ran, files);
  for (const auto& wanted : files) put(wanted, "is as it was in " + target.id);
  name_images(target);
  return 0;
}

/// The engine does not hurry one with a long grace period.
void Work::stop(const engine::Container& container, std::optional<std::chrono::seconds> grace) {
  constexpr int most_deadlines = 5;
  for (int deadlines = 0;;) {
    try {
      engine_.stop_container(container.id, grace);
      return;
    } catch (const Error& error) {
      if (error.code() == Code::not_found) return;
      if (error.code() != Code::deadline || ++deadlines == most_deadlines) throw;
    }
  }
}

int Work::stop_gone() {
  for (const auto& container : unnamed(new_text(), store_.text(before()))) {
    if (container.is_up()) {
      fmt::print("{} is stopped: the text does not have it\n", container.name);
      stop(container);
    }
    // The new text may give its name to another service.
    const auto mark = container.id.substr(0, 12) + "_";
    if (container.name.starts_with(mark)) continue;
    engine_.rename_container(container.id, mark + container.name);
  }
  return 0;
}

int Work::remove_gone() {
  for (const auto& container : unnamed(new_text(), store_.text(before()))) {
    fmt::print("{} is removed: the text does not have it\n", container.name);
    engine_.remove_container(container.id);
  }
  return 0;
}

/// Containers of the project whose services `other` has and `text` has not. Only those that were
/// made from this file alone: what else there may be in the project is not ours.
Work::Containers Work::unnamed(const std::string& text, const std::string& other) {
  if (!parameters_.compose_service.empty()) return {};
  const auto named = services_of(text).all;
  const auto there = services_of(other).all;
  if (named.empty()) return {};
  auto all = containers();
  std::erase_if(all, [&](const auto& container) {
    const auto service = container.label("com.docker.compose.service");
    const auto files = container.label("com.docker.compose.project.config_files");
    const bool is_gone = there.contains(service) && !named.contains(service);
    return !is_gone || files.find(',') != std::string::npos;
  });
  return all;
}

int Work::up_kept() {
  const auto target = kept();
  auto words = compose_.up_words();
  words.emplace_back("--force-recreate");
  std::set<std::string> ran;
  const auto named = services_of(store_.text(target));
  // An orphan that lay there too is none of its services.
  for (const auto& container : target.containers) {
    if (named.all.contains(container.compose_service)) ran.insert(container.compose_service);
  }
  if (ran.empty() || (parameters_.compose_service.empty() && ran == named.started)) {
    return compose_(words);
  }
  words.emplace_back("--no-deps");
  return compose_(words, {ran.begin(), ran.end()});
}

}  // namespace portoser::agent::deployments
