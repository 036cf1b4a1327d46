#include "agent/deployments/compose_text.h"
#include "agent/deployments/names.h"
#include "agent/deployments/program/work.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace portoser::agent::deployments {
namespace {

Error stale(const std::string& file) {
  return Error{Code::conflict, file + " was changed since it was read; nothing was done"}
      .reason("STALE_REVISION")
      .hint("read the file again and make the change in its present text");
}

KeptContainer as_kept(const engine::Container& container) {
  KeptContainer kept;
  kept.id = container.id;
  kept.name = container.name;
  kept.compose_service = container.label("com.docker.compose.service");
  kept.image_id = container.image_id;
  kept.state = container.state;
  kept.health = container.health;
  kept.exit_code = container.exit_code;
  kept.started_us = container.started_us;
  return kept;
}

/// One tag for each image of a compose service, however many containers are made of it.
std::vector<KeptImage> images_of(const std::vector<engine::Container>& containers,
                                 const std::string& service,
                                 const std::string& tag) {
  std::vector<KeptImage> images;
  std::set<std::string> taken;
  std::map<std::pair<std::string, std::string>, std::string> names;
  for (const auto& container : containers) {
    if (container.image_id.empty()) continue;
    KeptImage image;
    image.compose_service = container.label("com.docker.compose.service");
    image.container = container.name;
    image.reference = container.image;
    image.image_id = container.image_id;
    auto& name = names[{image.compose_service, image.image_id}];
    if (name.empty()) name = kept_repository(service, image.compose_service, taken) + ":" + tag;
    image.tag = name;
    images.push_back(std::move(image));
  }
  return images;
}

}  // namespace

int Work::keep_before() {
  if (is_activation()) refuse_what_runs();
  if (parameters_.replaces_text) {
    const auto file = read_whole(parameters_.file);
    if (!file || to_hex(sha256(file->text)) != parameters_.revision) throw stale(parameters_.file);
  }
  std::set<std::string> more;
  if (!parameters_.restore.empty()) {
    for (const auto& file : kept().env_files) more.insert(file.path);
  }
  write_down(parameters_.command, "before-" + parameters_.command, more);
  const auto ran = before();
  fmt::print("what runs now is written down: {} containers, {} of them up\n",
             ran.containers.size(),
             std::count_if(ran.containers.begin(), ran.containers.end(), [](const auto& one) {
               return one.is_up();
             }));
  return 0;
}

int Work::keep() {
  if (parameters_.deployment.empty()) return 0;
  write_down(parameters_.deployment, parameters_.deployment, {});
  auto list = store_.list(parameters_.service);
  while (list.size() > most_kept) {
    let_go(list.back());
    list.pop_back();
  }
  fmt::print("kept on this host as {}\n", parameters_.deployment);
  return 0;
}

/// `more`: files that are kept although the text does not name them.
void Work::write_down(const std::string& id,
                      const std::string& tag,
                      const std::set<std::string>& more) {
  const auto file = read_whole(parameters_.file);
  if (!file) throw Error{Code::not_found, parameters_.file + " is gone"};
  KeptDeployment kept;
  kept.id = id;
  kept.time_us = clock_.now_us();
  kept.service = parameters_.service;
  kept.file = parameters_.file;
  kept.project = parameters_.project;
  kept.compose_service = parameters_.compose_service;
  kept.text_sha256 = to_hex(sha256(file->text));
  auto named = env_files_of(file->text, parameters_.file);
  for (const auto& path : named.unreadable) {
    fmt::print("the environment file {} is not kept: its name has a variable\n", path);
  }
  std::set<std::string> paths{named.paths.begin(), named.paths.end()};
  paths.insert(more.begin(), more.end());
  std::vector<std::string> env_texts;
  for (const auto& path : paths) {
    KeptFile facts;
    facts.path = path;
    std::optional<WholeFile> env;
    try {
      env = read_whole(path);
    } catch (const Error& error) {
      // A folder, say: compose will have its own words for it.
      fmt::print("the environment file {} is not kept: {}\n", path, error.message());
      continue;
    }
    facts.is_there = env.has_value();
    if (env) {
      facts.mode = env->mode;
      facts.uid = env->uid;
      facts.gid = env->gid;
      facts.sha256 = to_hex(sha256(env->text));
    }
    kept.env_files.push_back(std::move(facts));
    env_texts.push_back(env ? env->text : std::string{});
  }
  const auto running = containers();
  for (const auto& container : running) kept.containers.push_back(as_kept(container));
  kept.images = images_of(running, parameters_.service, tag);
  const bool is_deployment = is_deployment_id(id);
  // `docker rmi -f` takes the image of a stopped container.
  std::map<std::string, bool> is_here;
  for (const auto& container : running) {
    if (container.image_id.empty() || (is_deployment && container.is_up())) continue;
    const auto [seen, is_new] = is_here.emplace(container.image_id, true);
    if (is_new) seen->second = engine_.image_id(container.image_id).has_value();
    if (seen->second) continue;
    fmt::print("the image {} of {} is gone from this host: it cannot be made from it again\n",
               container.image_id,
               container.name);
  }
  std::erase_if(kept.images, [&](const auto& image) {
    const auto seen = is_here.find(image.image_id);
    return seen != is_here.end() && !seen->second;
  });
  if (!is_deployment) {
    for (auto& image : kept.images) {
      if (image.reference.empty() || names_digest(image.reference)) continue;
      image.meant = engine_.image_id(image.reference).value_or(std::string{});
    }
  }
  store_.write(kept, file->text, env_texts);
  // What was written at a first attempt counts.
  const auto written = is_deployment ? store_.find(parameters_.service, id)
                                     : store_.find_before(parameters_.service, id);
  if (!written) throw Error{Code::internal, "what runs now could not be written down"};
  try {
    hold_images(*written);
  } catch (const Error&) {
    let_go(*written);
    throw;
  }
}

void Work::hold_images(const KeptDeployment& kept) {
  std::set<std::string> done;
  for (const auto& image : kept.images) {
    if (!done.insert(image.tag).second) continue;
    const auto name = split_image(image.tag);
    engine_.tag_image(image.image_id, name.repository, name.tag);
  }
}

void Work::let_go_of_images(const KeptDeployment& kept) {
  std::set<std::string> done;
  for (const auto& image : kept.images) {
    if (!done.insert(image.tag).second) continue;
    try {
      engine_.untag_image(image.tag);
    } catch (const Error& error) {
      // The only name of an image that a container is made of: it stays, and costs nothing.
      if (error.code() != Code::conflict) throw;
    }
  }
}

void Work::let_go(const KeptDeployment& kept) {
  let_go_of_images(kept);
  store_.remove(kept);
}

/// A text that is replaced now and that no kept deployment has (an environment file that somebody
/// wrote, a compose file that somebody edited) stays for longer in the command's folder, and the
/// log says where.
void Work::keep_displaced(const KeptDeployment& ran, const std::vector<Wanted>& files) const {
  const auto list = store_.list(parameters_.service);
  for (const auto& wanted : files) {
    const auto now = read_whole(wanted.path);
    if (!now || (wanted.file && wanted.file->text == now->text)) continue;
    const auto digest = to_hex(sha256(now->text));
    const bool is_kept = std::any_of(list.begin(), list.end(), [&](const auto& kept) {
      return store_.copy_of(kept, wanted.path, digest).has_value();
    });
    if (is_kept) continue;
    auto copy = store_.copy_of(ran, wanted.path, digest);
    if (!copy) {
      // Written since the command began.
      copy = store_.folder_of(ran) / ("edited-" + digest.substr(0, 12));
      write_file_atomic(*copy, now->text, 0600);
    }
    store_.mark(ran, KeptDeployments::Mark::displaced);
    fmt::print("the text that was in {} is now {}\n", wanted.path, copy->string());
  }
}

/// What ran before the newest commands stays, with its images: somebody may have to go back by
/// hand. A text that is nowhere else stays for longer.
int Work::tidy() {
  if (is_activation()) clear_withdrawn();
  remove_whole(candidate());
  remove_unfinished(candidate(), parameters_.command);
  remove_unfinished(parameters_.file, parameters_.command);
  if (const auto ran = store_.find_before(parameters_.service, parameters_.command)) {
    for (const auto& file : ran->env_files) remove_unfinished(file.path, parameters_.command);
  }
  const auto list = store_.list_before(parameters_.service);
  std::size_t displaced = 0;
  for (auto i = list.size() - std::min(list.size(), most_before); i-- > 0;) {
    const auto& old = list[i];
    if (!store_.is_marked(old, KeptDeployments::Mark::displaced) || displaced == most_displaced) {
      let_go(old);
      continue;
    }
    ++displaced;
    if (store_.is_marked(old, KeptDeployments::Mark::imageless)) continue;
    let_go_of_images(old);
    store_.mark(old, KeptDeployments::Mark::imageless);
  }
  return 0;
}

}  // namespace portoser::agent::deployments
