#include "controller/registry/content_revision.h"
#include "controller/registry/entries.h"
#include "controller/registry/fields.h"
#include "controller/registry/health.h"
#include "controller/registry/masked.h"
#include "controller/registry/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>
#include <utility>

namespace portoser::registry {
namespace {

/// `GET /api/metrics/<service>/<machine>` has siblings of these names.
constexpr std::array<std::string_view, 10> reserved_names{"machine",
                                                          "all",
                                                          "workers",
                                                          "collector",
                                                          "cache",
                                                          "services",
                                                          "health",
                                                          "ws",
                                                          "snapshot",
                                                          "cleanup"};

void read_type(Service& service, Fields& fields) {
  const Names names{"deployment_type", "type"};
  const auto written = fields.text(names);
  if (!written.empty() && !enum_from_name(written.c_str(), service.deployment_type)) {
    fields.wrong_type(*fields.find(names), "docker, native or local", Severity::error);
  }
}

void read_host_name(ServiceDraft& draft, Fields& fields) {
  const Names names{"current_host", "machine_name", "machine", "host"};
  const auto written = fields.text(names);
  if (!written.empty() && written != "unassigned") {
    draft.service.current_host = written;
    const auto* member = fields.find(names);
    draft.host_place = Place{fields.place(*member).path, member->value->mark};
  }
}

std::string read_word(Fields& fields, Names names, std::string_view wanted, std::string_view also) {
  auto text = fields.text(names);
  if (!text.empty() && !is_plain_word(text, also)) {
    fields.wrong_type(*fields.find(names), wanted, Severity::error);
    text.clear();
  }
  return text;
}

std::string read_path(Fields& fields, Names names) {
  auto text = fields.text(names);
  if (has_control_character(text)) {
    fields.wrong_type(*fields.find(names), "a path in one line", Severity::error);
    text.clear();
  }
  return text;
}

std::string join(const std::string& folder, const std::string& file) {
  if (folder.empty() || file.empty() || file.front() == '/') {
    return file;
  }
  return folder + (folder.back() == '/' ? "" : "/") + file;
}

void read_files(Service& service, Fields& fields) {
  const auto folder = read_path(fields, {"path"});
  service.docker_compose = join(folder, read_path(fields, {"docker_compose", "compose_file"}));
  service.service_file = join(folder, read_path(fields, {"service_file"}));
  service.working_dir = read_path(fields, {"working_dir", "service_directory"});
  if (service.working_dir.empty()) {
    service.working_dir = folder;
  }
  service.service_name = read_word(fields, {"service_name"}, "a key of the compose file", {});
  service.project = fields.text({"project"});
  const auto project_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!std::all_of(service.project.begin(), service.project.end(), project_letter) ||
      service.project.starts_with('-') || service.project.starts_with('_')) {
    fields.wrong_type(
        *fields.find({"project"}),
        "lower-case letters, digits, \"-\" and \"_\", beginning with a letter or digit",
        Severity::error);
    service.project.clear();
  }
  service.unit = read_word(fields, {"unit"}, "the name of a systemd unit", "\\");
}

/// What the type of the service needs. `fields` has read everything already.
void check_files(const ServiceDraft& draft, Fields& fields) {
  const auto& service = draft.service;
  const auto missing = [&](std::string_view what, std::string hint) {
    fields.notes().error(
        draft.place, fmt::format("the service \"{}\" {}", service.name, what), std::move(hint));
  };
  const auto has = [&](Names names) { return fields.find(names) != nullptr; };
  const bool names_service_file = has({"service_file"}) || has({"unit"});
  switch (service.deployment_type) {
    case DeploymentType::docker:
      if (!has({"docker_compose", "compose_file"})) {
        missing("is of type docker and has no compose file",
                "add \"docker_compose\" with the path on its host, or another \"deployment_type\"");
      }
      break;
    case DeploymentType::native:
      if (!names_service_file) {
        missing("is of type native and has neither \"service_file\" nor \"unit\"",
                "add \"unit\" with its systemd unit, or \"service_file\" with a path on its host");
      }
      break;
    case DeploymentType::local:
      if (!names_service_file && service.working_dir.empty()) {
        missing("is of type local and has neither \"service_file\" nor \"working_dir\"",
                "add \"service_file\" with the path of its service.yml on its host");
      }
      break;
  }
}

/// "8081:80", "127.0.0.1:8081:80/tcp": the host's port, as compose means it.
std::optional<int> host_port(std::string_view mapping) {
  mapping = mapping.substr(0, mapping.find('/'));
  const auto last = mapping.rfind(':');
  if (last == std::string_view::npos) {
    return std::nullopt;
  }
  auto published = mapping.substr(0, last);
  if (const auto address = published.rfind(':'); address != std::string_view::npos) {
    published.remove_prefix(address + 1);
  }
  const auto port = to_number(published);
  return port && *port >= 1 && *port <= 65535 ? std::optional{static_cast<int>(*port)}
                                              : std::nullopt;
}

void read_ports(ServiceDraft& draft, Fields& fields) {
  std::set<int> claimed;
  const auto claim = [&](int port, const Place& place) {
    if (claimed.insert(port).second) {
      draft.claimed_ports.emplace_back(port, place);
    }
  };
  draft.service.port = fields.number({"port"}, 1, 65535);
  if (draft.service.port) {
    const auto* member = fields.find({"port"});
    claim(*draft.service.port, Place{fields.place(*member).path, member->value->mark});
  }
  const auto* ports = fields.find({"ports"});
  if (ports == nullptr) {
    return;
  }
  for (const auto& element : elements(*ports, fields.place(*ports))) {
    const auto text = element.node->is_scalar() ? std::string_view{element.node->text} : "";
    std::optional<int> port;
    if (const auto number = to_number(text); number && *number >= 1 && *number <= 65535) {
      port = static_cast<int>(*number);
    } else if (port = host_port(text); port) {
      fields.notes().warning(element.place,
                             fmt::format("\"{}\" is a mapping as in a compose file; its host port "
                                         "{} is read",
                                         text,
                                         *port),
                             fmt::format("write {}: mappings belong into the compose file", *port));
    } else {
      fields.notes().error(
          element.place,
          element.node->is_scalar()
              ? fmt::format("\"{}\" is not a port", mask_text(std::string{text}).substr(0, 80))
              : fmt::format("{} is not a port", kind_name(*element.node)),
          "each of \"ports\" is a whole number from 1 to 65535");
    }
    if (port) {
      draft.service.ports.push_back(*port);
      claim(*port, element.place);
    }
  }
}

void read_dependencies(ServiceDraft& draft, Fields& fields) {
  const auto* member = fields.find({"dependencies", "depends_on"});
  if (member == nullptr) {
    return;
  }
  std::unordered_set<std::string_view> known;
  const auto add = [&](const std::string& name, const Place& at) {
    if (known.insert(name).second) {
      draft.service.dependencies.push_back(name);
      draft.dependency_places.push_back(at);
    }
  };
  const auto place = fields.place(*member);
  if (member->value->is_map()) {
    for (const auto& dependency : member->value->members) {
      add(dependency.key, Place{place.path + "." + dependency.key, dependency.mark});
    }
    return;
  }
  if (member->value->is_scalar()) {
    fields.wrong_type(*member, "a list of services", Severity::warning);
  }
  for (const auto& element : elements(*member, place)) {
    if (element.node->is_scalar() && !element.node->text.empty()) {
      add(element.node->text, element.place);
    } else {
      fields.notes().error(element.place,
                           fmt::format("a dependency is {}", kind_name(*element.node)),
                           "it must be the name of a service");
    }
  }
}

bool nested_flag(Fields& fields, Names names) {
  const auto* member = fields.map(names);
  if (member == nullptr) {
    return false;
  }
  Fields inner{*member->value, fields.place(*member).path, fields.notes()};
  return inner.flag({"enabled"}).value_or(false);
}

void read_into(ServiceDraft& draft, Fields& fields) {
  auto& service = draft.service;
  if (auto hostname = read_word(fields, {"hostname"}, "a DNS name", "*"); !hostname.empty()) {
    service.hostname = std::move(hostname);
  }
  read_host_name(draft, fields);
  read_type(service, fields);
  read_files(service, fields);
  check_files(draft, fields);
  read_ports(draft, fields);
  read_dependencies(draft, fields);
  service.health = read_health(fields, service.port);
  if (service.health && !service.health->url.empty()) {
    service.healthcheck_url = service.health->url;
  }
  service.description = fields.text({"description"}, Severity::warning);
  service.last_updated = fields.text({"last_updated"}, Severity::warning);
  service.tls_enabled = nested_flag(fields, {"tls"});
  service.requires_auth = nested_flag(fields, {"auth"});
  fields.known({"restart_command",
                "platform",
                "target_tag",
                "tag",
                "python_manager",
                "tls_cert",
                "tls_key",
                "ca_cert",
                "notes",
                "image",
                "env",
                "env_file",
                "environment",
                "vault_secrets",
                "secrets",
                "volumes"});
  fields.report_unknown();
}

}  // namespace

ServiceDraft read_service(const Member& entry,
                          const std::string& section,
                          const std::string& domain) {
  ServiceDraft draft;
  auto& service = draft.service;
  service.name = entry.key;
  service.line = entry.mark.line;
  service.revision = content_revision(*entry.value);
  service.hostname = fmt::format("{}.{}", entry.key, domain.empty() ? "internal" : domain);
  draft.place = Place{section + "." + entry.key, entry.mark};
  check_name(entry.key, "service", draft.place, draft.notes);
  if (std::find(reserved_names.begin(), reserved_names.end(), entry.key) != reserved_names.end()) {
    draft.notes.warning(
        draft.place,
        fmt::format("\"{}\" is also a word in the paths of /api/metrics", entry.key),
        "its metrics cannot be asked for by that path: choose another name");
  }
  if (!entry.value->is_map()) {
    draft.notes.error(draft.place,
                      fmt::format("the service \"{}\" is {}", entry.key, kind_name(*entry.value)),
                      "it must be a map with at least \"current_host\" and \"docker_compose\"");
    return draft;
  }
  service.config = masked_json(*entry.value);
  Fields fields{*entry.value, draft.place.path, draft.notes};
  read_into(draft, fields);
  return draft;
}

}  // namespace portoser::registry
