#include "agent/transfer/engine_data.h"

#include "agent/transfer/engine_tar.h"
#include "common/error.h"
#include "common/fetch.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace portoser::agent::transfer {
namespace {

using Json = nlohmann::json;

void check_name(const std::string& name, const char* what) {
  constexpr std::string_view allowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-/:@";
  if (name.empty() || name.front() == '.' || name.front() == '/' ||
      name.find("..") != std::string::npos ||
      name.find_first_not_of(allowed) != std::string::npos) {
    throw Error{Code::invalid, fmt::format("\"{}\" cannot be the name of {}", name, what)};
  }
}

void check_volume(const std::string& name) {
  check_name(name, "a volume");
  if (name.find_first_of("/:@") != std::string::npos) {
    throw Error{Code::invalid, fmt::format("\"{}\" cannot be the name of a volume", name)};
  }
}

Json parsed(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw Error{Code::unavailable, "the Docker engine's answer cannot be read"}.reason(
        "ENGINE_ERROR");
  }
  return json;
}

/// What is missing, null or of another type is empty: engines differ in what they fill in.
std::string text_in(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Volume volume_from(const Json& json) {
  Volume volume;
  volume.name = text_in(json, "Name");
  volume.folder = text_in(json, "Mountpoint");
  if (volume.folder.empty() || volume.folder.front() != '/') {
    throw Error{Code::unavailable,
                fmt::format("the Docker engine does not say where volume {} lies", volume.name)}
        .reason("ENGINE_ERROR");
  }
  const auto labels = json.find("Labels");
  if (labels == json.end() || !labels->is_object()) return volume;
  for (const auto& [key, value] : labels->items()) {
    if (value.is_string()) volume.labels[key] = value.get<std::string>();
  }
  return volume;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The same thing may be mounted twice, once to write.
void add_mount(const Json& mount, ContainerUse& use) {
  const auto writable = mount.find("RW");
  const bool is_read_only =
      writable != mount.end() && writable->is_boolean() && !writable->get<bool>();
  const auto add = [&](const std::string& what, std::vector<std::string>& all) {
    if (what.empty()) return;
    const bool is_known = std::find(all.begin(), all.end(), what) != all.end();
    if (!is_read_only) {
      use.read_only.erase(what);
    } else if (!is_known) {
      use.read_only.insert(what);
    }
    if (!is_known) all.push_back(what);
  };
  add(text_in(mount, "Name"), use.volumes);
  add(text_in(mount, "Source"), use.paths);
}

}  // namespace

std::vector<ContainerUse> container_uses_from(std::string_view text) {
  std::vector<ContainerUse> uses;
  for (const auto& each : parsed(text)) {
    ContainerUse use;
    const auto names = each.find("Names");
    if (names != each.end() && names->is_array() && !names->empty() && names->front().is_string()) {
      use.name = names->front().get<std::string>();
      if (use.name.starts_with('/')) use.name.erase(0, 1);
    } else {
      use.name = text_in(each, "Id").substr(0, 12);
    }
    const auto state = text_in(each, "State");
    use.is_up = state == "running" || state == "restarting" || state == "paused";
    const auto labels = each.find("Labels");
    if (labels != each.end()) {
      use.compose_folder = text_in(*labels, "com.docker.compose.project.working_dir");
    }
    const auto mounts = each.find("Mounts");
    if (mounts != each.end() && mounts->is_array()) {
      for (const auto& mount : *mounts) add_mount(mount, use);
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

std::string RealEngineData::ask(const std::string& method,
                                const std::string& path,
                                const std::string& body) {
  FetchRequest request;
  request.method = method;
  request.url = "http://docker" + path;
  request.unix_socket = socket_;
  request.body = body;
  // The engine answers once the files of a volume are gone, and there may be very many.
  request.limit = std::chrono::minutes{method == "DELETE" ? 9 : 1};
  if (!body.empty()) request.headers.emplace_back("Content-Type: application/json");
  FetchResponse response;
  try {
    response = fetch(request);
  } catch (const Error& error) {
    throw Error{Code::unavailable, "the Docker engine does not answer: " + error.message()}
        .reason("ENGINE_UNAVAILABLE")
        .hint("look at: systemctl status docker");
  }
  check_engine_status(response.status, response.body);
  return std::move(response.body);
}

const std::string& RealEngineData::version() {
  if (version_.empty()) version_ = "/v" + text_in(parsed(ask("GET", "/version")), "ApiVersion");
  return version_;
}

std::optional<Volume> RealEngineData::volume(const std::string& name) {
  check_volume(name);
  try {
    return volume_from(parsed(ask("GET", version() + "/volumes/" + name)));
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  return std::nullopt;
}

Volume RealEngineData::create_volume(const std::string& name,
                                     const std::map<std::string, std::string>& options,
                                     const std::map<std::string, std::string>& labels) {
  check_volume(name);
  const Json body{
      {"Name", name}, {"Driver", "local"}, {"DriverOpts", Json(options)}, {"Labels", Json(labels)}};
  return volume_from(parsed(ask("POST", version() + "/volumes/create", dumped(body))));
}

void RealEngineData::remove_volume(const std::string& name) {
  check_volume(name);
  try {
    ask("DELETE", version() + "/volumes/" + name);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
}

std::vector<ContainerUse> RealEngineData::containers() {
  return container_uses_from(ask("GET", version() + "/containers/json?all=1"));
}

std::optional<std::string> RealEngineData::image_id(const std::string& reference) {
  check_name(reference, "an image");
  try {
    return text_in(parsed(ask("GET", version() + "/images/" + reference + "/json")), "Id");
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  return std::nullopt;
}

void RealEngineData::tag_image(const std::string& id,
                               const std::string& name,
                               const std::string& tag) {
  check_name(id, "an image");
  check_name(name, "an image");
  check_name(tag, "an image");
  ask("POST", fmt::format("{}/images/{}/tag?repo={}&tag={}", version(), id, name, tag));
}

void RealEngineData::save_image(const std::string& reference,
                                std::int64_t rate_limit_kib,
                                const Sink& sink) {
  check_name(reference, "an image");
  save_tar(socket_, version() + "/images/get?names=" + reference, rate_limit_kib, sink);
}

void RealEngineData::load_image(const Source& source) {
  load_tar(socket_, version() + "/images/load?quiet=1", source);
}

}  // namespace portoser::agent::transfer
