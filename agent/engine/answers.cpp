#include "agent/engine/answers.h"

#include "common/clock.h"
#include "common/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>

namespace portoser::agent::engine {
namespace {

using nlohmann::json;

Error unusable(const std::string& what) {
  return Error{Code::unavailable, "the Docker engine's answer " + what}.reason("ENGINE_ERROR");
}

json parse(std::string_view text) {
  auto value = json::parse(text, nullptr, false);
  if (value.is_discarded()) throw unusable("is not JSON");
  return value;
}

/// The member, or null.
const json& member(const json& object, const char* key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text_of(const json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

std::int64_t number_of(const json& object, const char* key) {
  const auto& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

/// The engine writes "0001-01-01T00:00:00Z" for never.
std::int64_t wall_us_of(const json& object, const char* key) {
  const auto time = time_from_rfc3339(text_of(object, key));
  return time ? std::max<std::int64_t>(0, to_unix_us(*time)) : 0;
}

/// Labels, or options of a volume's driver.
std::map<std::string, std::string> labels_of(const json& object) {
  std::map<std::string, std::string> labels;
  if (!object.is_object()) return labels;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

/// Of a container in the list, which may have further ones by links.
std::string first_name_of(const json& container) {
  const auto& names = member(container, "Names");
  if (!names.is_array() || names.empty() || !names[0].is_string()) return {};
  auto name = names[0].get<std::string>();
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

/// "1.41": it becomes part of every path, so nothing else may pass.
bool is_api_version(std::string_view text) {
  return !text.empty() && text.size() < 16 &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

EngineInfo engine_info_from(std::string_view text) {
  const auto value = parse(text);
  EngineInfo info;
  info.version = text_of(value, "Version");
  info.api_version = text_of(value, "ApiVersion");
  if (!is_api_version(info.api_version)) throw unusable("names no API version");
  return info;
}

std::vector<std::string> container_ids_from(std::string_view text) {
  const auto value = parse(text);
  if (!value.is_array()) throw unusable("is not a list of containers");
  std::vector<std::string> ids;
  for (const auto& container : value) {
    auto id = text_of(container, "Id");
    if (!id.empty()) ids.push_back(std::move(id));
  }
  return ids;
}

Container container_from(std::string_view text) {
  const auto value = parse(text);
  const auto& config = member(value, "Config");
  const auto& state = member(value, "State");
  Container container;
  container.id = text_of(value, "Id");
  if (container.id.empty()) throw unusable("is not a container");
  container.name = text_of(value, "Name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  container.image = text_of(config, "Image");
  container.image_id = text_of(value, "Image");
  container.labels = labels_of(member(config, "Labels"));
  container.state = text_of(state, "Status");
  container.health = text_of(member(state, "Health"), "Status");
  if (container.health == "none") container.health.clear();
  container.pid = number_of(state, "Pid");
  container.exit_code = number_of(state, "ExitCode");
  const auto& killed = member(state, "OOMKilled");
  container.oom_killed = killed.is_boolean() && killed.get<bool>();
  const auto& policy = member(member(value, "HostConfig"), "RestartPolicy");
  container.restart_policy = text_of(policy, "Name");
  if (container.restart_policy.empty()) container.restart_policy = "no";
  container.restart_limit = std::max<std::int64_t>(0, number_of(policy, "MaximumRetryCount"));
  container.started_us = wall_us_of(state, "StartedAt");
  container.finished_us = wall_us_of(state, "FinishedAt");
  container.stop_signal = signal_number(text_of(config, "StopSignal"));
  return container;
}

Image image_from(std::string_view text) {
  const auto value = parse(text);
  Image image;
  image.id = text_of(value, "Id");
  if (image.id.empty()) throw unusable("is not an image");
  image.platform = {text_of(value, "Os"), text_of(value, "Architecture")};
  image.size_bytes = number_of(value, "Size");
  return image;
}

std::vector<Platform> platforms_from(std::string_view text) {
  const auto value = parse(text);
  std::vector<Platform> platforms;
  const auto& list = member(value, "Platforms");
  if (!list.is_array()) return platforms;
  for (const auto& one : list)
    platforms.push_back({text_of(one, "os"), text_of(one, "architecture")});
  return platforms;
}

std::string architecture_of(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  if (machine == "i386" || machine == "i686") return "386";
  return machine;
}

Machine machine_from(std::string_view text) {
  const auto value = parse(text);
  Machine machine;
  machine.platform = {text_of(value, "OSType"), architecture_of(text_of(value, "Architecture"))};
  machine.root_folder = text_of(value, "DockerRootDir");
  machine.memory_bytes = number_of(value, "MemTotal");
  return machine;
}

std::vector<std::string> names_from(std::string_view text, const char* key) {
  const auto value = parse(text);
  const auto& list = value.is_array() ? value : member(value, key);
  std::vector<std::string> names;
  if (!list.is_array()) return names;
  for (const auto& one : list) names.push_back(text_of(one, "Name"));
  return names;
}

std::vector<TakenPort> taken_ports_from(std::string_view text) {
  const auto value = parse(text);
  if (!value.is_array()) throw unusable("is not a list of containers");
  std::vector<TakenPort> taken;
  for (const auto& container : value) {
    const auto name = first_name_of(container);
    const auto& ports = member(container, "Ports");
    if (!ports.is_array()) continue;
    for (const auto& port : ports) {
      const auto number = number_of(port, "PublicPort");
      if (number <= 0) continue;
      taken.push_back({name,
                       text_of(container, "Id"),
                       text_of(port, "IP"),
                       static_cast<int>(number),
                       text_of(port, "Type")});
    }
  }
  return taken;
}

std::vector<Volume> volumes_from(std::string_view text) {
  const auto value = parse(text);
  const auto& list = member(value, "Volumes");
  std::vector<Volume> volumes;
  if (!list.is_array()) return volumes;
  for (const auto& one : list) {
    volumes.push_back({text_of(one, "Name"),
                       text_of(one, "Driver"),
                       text_of(one, "Mountpoint"),
                       labels_of(member(one, "Labels")),
                       labels_of(member(one, "Options"))});
  }
  return volumes;
}

std::vector<ContainerMounts> mounts_from(std::string_view text) {
  const auto value = parse(text);
  if (!value.is_array()) throw unusable("is not a list of containers");
  std::vector<ContainerMounts> all;
  for (const auto& container : value) {
    ContainerMounts of_one;
    of_one.id = text_of(container, "Id");
    of_one.name = first_name_of(container);
    const auto& mounts = member(container, "Mounts");
    if (mounts.is_array()) {
      for (const auto& mount : mounts) {
        const auto& may_write = member(mount, "RW");
        Mount one;
        one.type = text_of(mount, "Type");
        if (one.type == "volume") one.volume = text_of(mount, "Name");
        one.source = text_of(mount, "Source");
        one.destination = text_of(mount, "Destination");
        one.is_read_only = may_write.is_boolean() && !may_write.get<bool>();
        of_one.mounts.push_back(std::move(one));
      }
    }
    all.push_back(std::move(of_one));
  }
  return all;
}

std::string health_output_from(std::string_view text) {
  const auto value = parse(text);
  const auto& checks = member(member(member(value, "State"), "Health"), "Log");
  if (!checks.is_array() || checks.empty()) return {};
  auto output = text_of(checks.back(), "Output");
  const auto exit_code = number_of(checks.back(), "ExitCode");
  if (output.empty()) output = "exit " + std::to_string(exit_code);
  return output;
}

std::optional<ContainerEvent> event_from(std::string_view text) {
  const auto value = json::parse(text, nullptr, false);
  if (!value.is_object() || text_of(value, "Type") != "container") return std::nullopt;
  const auto& actor = member(value, "Actor");
  const auto& attributes = member(actor, "Attributes");
  ContainerEvent event;
  event.id = text_of(actor, "ID");
  event.name = text_of(attributes, "name");
  event.action = text_of(value, "Action");
  // "health_status: healthy", "exec_start: /bin/check --fast"
  if (const auto colon = event.action.find(": "); colon != std::string::npos) {
    if (event.action.compare(0, colon, "health_status") == 0) {
      event.health = event.action.substr(colon + 2);
    }
    event.action.resize(colon);
  }
  if (event.id.empty() || event.action.empty()) return std::nullopt;
  event.exit_code = number_from(text_of(attributes, "exitCode"));
  if (const auto signal = text_of(attributes, "signal"); !signal.empty()) {
    event.signal = signal_number(signal);
  }
  event.time_ns = number_of(value, "timeNano");
  return event;
}

std::string error_message_from(std::string_view body) {
  constexpr std::size_t longest = 500;
  auto message = text_of(json::parse(body, nullptr, false), "message");
  if (message.empty()) message = body.substr(0, longest);
  while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) message.pop_back();
  return message;
}

std::int64_t signal_number(std::string_view name) {
  std::string upper{name};
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
  });
  std::string_view rest = upper;
  if (const auto number = number_from(rest)) {
    return *number > 0 && *number < NSIG ? *number : SIGTERM;
  }
  if (rest.starts_with("SIG")) rest.remove_prefix(3);
  // Counted from the kernel's own 34 and 64, as the engine does; glibc keeps the first for itself.
  if (rest.starts_with("RTMIN") || rest.starts_with("RTMAX")) {
    const bool up = rest.starts_with("RTMIN");
    const auto distance =
        number_from(rest.substr(std::min<std::size_t>(rest.size(), 6))).value_or(0);
    if (distance < 0 || distance > 30) return SIGTERM;
    return up ? 34 + distance : 64 - distance;
  }
  for (int number = 1; number < 32; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && rest == known) return number;
  }
  return SIGTERM;
}

}  // namespace portoser::agent::engine
