/// service.yml, the file of a native or local service on its host: how it is started, stopped and
/// restarted. Blocking; any thread.
#pragma once

#include <string>
#include <vector>

namespace portoser::agent::actions {

struct ServiceFile {
  std::string path;
  std::string start;        ///< a line for the shell; never empty
  std::string stop;         ///< likewise; empty: its processes are ended
  std::string restart;      ///< likewise; empty: stop, then start
  std::string working_dir;  ///< absolute
  std::string env_file;     ///< absolute; empty: none
};

/// Of the first candidate that exists. `working_dir` overrides the file's; empty: it does not.
/// None exists: `Error{not_found, SERVICE_FILE_MISSING}`. Not YAML, without `start`, a folder or
/// env_file that is not there: `Error{invalid, SERVICE_FILE_INVALID}`.
ServiceFile read_service_file(const std::string& service,
                              const std::vector<std::string>& candidates,
                              const std::string& working_dir);

struct NamedDependency {
  std::string name;
  bool is_optional = false;
};
/// What the file gives as `dependencies`: a list of names, or a map, of which `type: optional` is
/// read. Not YAML, or another shape: as above; the other members are not looked at.
std::vector<NamedDependency> dependencies_in_service_file(const std::string& path);

}  // namespace portoser::agent::actions
