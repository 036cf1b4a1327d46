/// The body of a request that adds or changes a host or a service, as changes of its fields.
/// Include it in sources only.
#pragma once

#include "common/describe_json.h"
#include "controller/http/router.h"
#include "controller/registry/edit.h"
#include "controller/registry/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace portoser::api {

struct HealthFields {
  std::optional<std::string> type;  ///< http, tcp, command, docker, none
  std::optional<std::string> url;
  std::optional<std::string> endpoint;
  std::optional<int> port;
  std::optional<std::string> command;
  std::optional<int> interval;  ///< seconds
  std::optional<int> timeout;   ///< seconds
  std::optional<int> retries;
  std::optional<int> expected_status;
};
BOOST_DESCRIBE_STRUCT(
    HealthFields,
    (),
    (type, url, endpoint, port, command, interval, timeout, retries, expected_status))

/// In the order in which a new entry has them.
struct ServiceFields {
  std::optional<std::string> name;  ///< of a new one
  std::optional<std::string> hostname;
  std::optional<std::string> current_host;  ///< empty or "unassigned": on none
  std::optional<std::string> deployment_type;
  std::optional<std::string> path;
  std::optional<std::string> docker_compose;
  std::optional<std::string> service_file;
  std::optional<std::string> service_name;
  std::optional<std::string> project;
  std::optional<std::string> unit;
  std::optional<std::string> working_dir;
  std::optional<int> port;
  std::optional<std::vector<int>> ports;
  std::optional<std::string> healthcheck_url;
  std::optional<std::string> healthcheck_command;
  std::optional<HealthFields> health;
  std::optional<std::vector<std::string>> dependencies;
  std::optional<std::string> description;
};
BOOST_DESCRIBE_STRUCT(ServiceFields,
                      (),
                      (name,
                       hostname,
                       current_host,
                       deployment_type,
                       path,
                       docker_compose,
                       service_file,
                       service_name,
                       project,
                       unit,
                       working_dir,
                       port,
                       ports,
                       healthcheck_url,
                       healthcheck_command,
                       health,
                       dependencies,
                       description))

struct MachineFields {
  std::optional<std::string> name;  ///< of a new one
  std::optional<std::string> ip;
  std::optional<std::string> ssh_user;
  std::optional<int> ssh_port;
  std::optional<std::string> ssh_hostname;
  std::optional<std::string> path;
  std::optional<std::string> arch;
  std::optional<std::vector<std::string>> roles;
  std::optional<registry::Resources> resources;
  std::optional<std::string> description;
};
BOOST_DESCRIBE_STRUCT(
    MachineFields,
    (),
    (name, ip, ssh_user, ssh_port, ssh_hostname, path, arch, roles, resources, description))

/// The value that a field gets. Null, an empty text, list or object and the host "unassigned" take
/// it out. A control character, or a "***" where a secret would stand (MASKED_SECRET):
/// `Error{invalid}`, "body.<field>".
registry::FieldValue field_value(std::string_view field, const Json& value);

/// The fields that the body names, in the order of `Fields`; `name` is not among them. One that
/// there is not: `Error{invalid}`, "body.<field>". `body` has been read into a `Fields` before, so
/// its types are right.
template <class Fields>
std::vector<registry::FieldChange> changes_of(const Json& body) {
  std::vector<registry::FieldChange> changes;
  std::vector<std::string> known;
  for_each_member<Fields>([&](const char* name, auto) {
    known.emplace_back(name);
    const auto found = body.find(name);
    if (found == body.end() || known.back() == "name") return;
    changes.push_back({name, field_value(name, *found)});
  });
  for (const auto& [key, value] : body.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw Error{Code::invalid, fmt::format("\"{}\" cannot be set here", key), "body." + key}.hint(
        fmt::format("these can: {}; other keys of the entry are edited in the text (PUT "
                    "/api/registry)",
                    fmt::join(known, ", ")));
  }
  return changes;
}

/// The name in the body of a request that adds something: `Error{invalid}`, "body.name".
std::string require_name(const std::optional<std::string>& name);

/// A body may repeat the name of the path and nothing else: entries are not renamed.
void require_same_name(const std::optional<std::string>& name, const std::string& of_path);

}  // namespace portoser::api
