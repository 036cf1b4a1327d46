#include "agent/inspection/compose_model.h"

#include "common/error.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <yaml-cpp/yaml.h>

namespace portoser::agent::inspection {
namespace {

/// A range of 65,536 ports is legal, and no use to anybody.
constexpr int most_ports_of_a_range = 1024;

std::string text_of(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string{};
}

bool is_true(const YAML::Node& node) {
  const auto text = text_of(node);
  return text == "true" || text == "yes" || text == "on";
}

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || stopped != end || number < 1 || number > 65535) return std::nullopt;
  return number;
}

/// "8080" or "8080-8085".
void add_ports(std::vector<PublishedPort>& ports,
               const std::string& address,
               std::string_view published,
               const std::string& protocol) {
  const auto dash = published.find('-');
  const auto first = number_in(published.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number_in(published.substr(dash + 1));
  if (!first || !last) return;
  for (int port = *first; port <= *last && port - *first < most_ports_of_a_range; ++port) {
    ports.push_back({address, port, protocol});
  }
}

/// "[ADDRESS:]PUBLISHED:TARGET[/PROTOCOL]"; one without a published port gets any that is free.
void add_short_port(std::vector<PublishedPort>& ports, std::string_view text) {
  std::string protocol = "tcp";
  if (const auto slash = text.rfind('/'); slash != std::string_view::npos) {
    protocol = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  const auto target = text.rfind(':');
  if (target == std::string_view::npos) return;
  text = text.substr(0, target);
  const auto colon = text.rfind(':');
  std::string address;
  if (colon != std::string_view::npos) {
    address = text.substr(0, colon);
    text = text.substr(colon + 1);
  }
  add_ports(ports, address, text, protocol);
}

void read_ports(const YAML::Node& node, std::vector<PublishedPort>& ports) {
  if (!node || !node.IsSequence()) return;
  for (const auto& one : node) {
    if (one.IsScalar()) {
      add_short_port(ports, one.Scalar());
    } else if (one.IsMap()) {
      auto protocol = text_of(one["protocol"]);
      if (protocol.empty()) protocol = "tcp";
      add_ports(ports, text_of(one["host_ip"]), text_of(one["published"]), protocol);
    }
  }
}

/// "SOURCE:TARGET[:MODE,...]"; a source that is no path is a volume.
void add_short_bind(const std::string& text, std::vector<BindMount>& binds) {
  if (!text.starts_with('/')) return;
  const auto colon = text.find(':');
  BindMount bind;
  bind.source = text.substr(0, colon);
  if (colon != std::string::npos) {
    const auto end = text.find(':', colon + 1);
    bind.target = text.substr(colon + 1, end == std::string::npos ? end : end - colon - 1);
    if (end != std::string::npos) {
      bind.is_read_only = ("," + text.substr(end + 1) + ",").find(",ro,") != std::string::npos;
    }
  }
  binds.push_back(std::move(bind));
}

void read_binds(const YAML::Node& node, std::vector<BindMount>& binds) {
  if (!node || !node.IsSequence()) return;
  for (const auto& one : node) {
    if (one.IsScalar()) {
      add_short_bind(one.Scalar(), binds);
    } else if (one.IsMap() && text_of(one["type"]) == "bind") {
      const auto bind = one["bind"];
      // Later versions leave out what is true.
      const bool creates = bind && bind.IsMap() && text_of(bind["create_host_path"]) != "false";
      binds.push_back(
          {text_of(one["source"]), creates, text_of(one["target"]), is_true(one["read_only"])});
    }
  }
}

std::optional<std::int64_t> read_memory_limit(const YAML::Node& service) {
  if (auto limit = bytes_from(text_of(service["mem_limit"]))) return limit;
  const auto deploy = service["deploy"];
  if (!deploy || !deploy.IsMap()) return std::nullopt;
  const auto resources = deploy["resources"];
  if (!resources || !resources.IsMap()) return std::nullopt;
  const auto limits = resources["limits"];
  if (!limits || !limits.IsMap()) return std::nullopt;
  return bytes_from(text_of(limits["memory"]));
}

ModelService read_service(const std::string& name, const YAML::Node& node) {
  ModelService service;
  service.name = name;
  service.image = text_of(node["image"]);
  const auto profiles = node["profiles"];
  service.has_profile = profiles && profiles.IsSequence() && profiles.size() > 0;
  if (const auto build = node["build"]) {
    service.has_build = true;
    auto folder = build.IsMap() ? text_of(build["context"]) : text_of(build);
    if (folder.starts_with('/')) service.build_folder = std::move(folder);
  }
  service.pull_policy = text_of(node["pull_policy"]);
  service.platform = text_of(node["platform"]);
  // The host's network has no published ports: v2 drops them with a warning.
  service.is_on_host_network = text_of(node["network_mode"]) == "host";
  if (!service.is_on_host_network) read_ports(node["ports"], service.ports);
  read_binds(node["volumes"], service.binds);
  service.memory_limit_bytes = read_memory_limit(node);
  return service;
}

/// Networks or volumes. `external` is a flag, or in older files a map with the name.
void read_resources(const YAML::Node& node,
                    const std::string& project,
                    std::vector<std::string>& own,
                    std::vector<std::string>& external) {
  if (!node || !node.IsMap()) return;
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    const YAML::Node& one = entry.second;
    auto name = one.IsMap() ? text_of(one["name"]) : std::string{};
    const auto flag = one.IsMap() ? one["external"] : YAML::Node{YAML::NodeType::Undefined};
    if (flag && (flag.IsMap() || is_true(flag))) {
      if (flag.IsMap() && name.empty()) name = text_of(flag["name"]);
      external.push_back(name.empty() ? key : name);
    } else {
      own.push_back(name.empty() ? project + "_" + key : name);
    }
  }
}

/// Secrets or configs. Those that come from elsewhere name no file.
void read_files(const YAML::Node& node, std::vector<std::string>& files) {
  if (!node || !node.IsMap()) return;
  for (const auto& entry : node) {
    if (!entry.second.IsMap()) continue;
    auto file = text_of(entry.second["file"]);
    if (file.starts_with('/')) files.push_back(std::move(file));
  }
}

}  // namespace

ComposeModel compose_model(std::string_view config, const std::string& project) {
  ComposeModel model;
  try {
    const auto root = YAML::Load(std::string{config});
    const auto services = root["services"];
    if (!services || !services.IsMap()) {
      throw Error{Code::invalid, "compose names no services in its own output"};
    }
    for (const auto& entry : services) {
      if (entry.second.IsMap()) {
        model.services.push_back(read_service(entry.first.Scalar(), entry.second));
      }
    }
    model.project = text_of(root["name"]);
    std::vector<std::string> own_networks;  // are made when they are missing
    read_resources(root["networks"], project, own_networks, model.external_networks);
    read_resources(root["volumes"], project, model.volumes, model.external_volumes);
    read_files(root["secrets"], model.files);
    read_files(root["configs"], model.files);
  } catch (const YAML::Exception& error) {
    throw Error{Code::invalid, std::string{"what compose printed is no YAML: "} + error.what()};
  }
  return model;
}

std::vector<ModelService> services_meant(const ComposeModel& model,
                                         const std::string& compose_service) {
  std::vector<ModelService> found;
  for (const auto& service : model.services) {
    // docker-compose 1.29 prints those of profiles too, and `up` leaves them alone.
    const bool is_meant =
        compose_service.empty() ? !service.has_profile : service.name == compose_service;
    if (is_meant) found.push_back(service);
  }
  return found;
}

std::optional<std::int64_t> bytes_from(std::string_view text) {
  double number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || number < 0) return std::nullopt;
  std::string unit{stopped, end};
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  if (unit.ends_with('b') && unit.size() > 1) unit.pop_back();
  constexpr double step = 1024;
  if (unit == "k")
    number *= step;
  else if (unit == "m")
    number *= step * step;
  else if (unit == "g")
    number *= step * step * step;
  else if (unit == "t")
    number *= step * step * step * step;
  else if (!unit.empty() && unit != "b")
    return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace portoser::agent::inspection
