/// Where containers keep what they write, as the engine reports it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace portoser::agent::engine {

struct Volume {
  std::string name;
  std::string driver;
  std::string mount_point;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;  ///< of the driver
};

struct Mount {
  std::string type;         ///< bind, volume, tmpfs ...
  std::string volume;       ///< its name; of other types empty
  std::string source;       ///< on the host, as it was named; of a volume its mount point
  std::string destination;  ///< in the container
  bool is_read_only = false;
};

/// What one container mounts, those of `volumes_from` among it.
struct ContainerMounts {
  std::string id;
  std::string name;  ///< without the leading slash
  std::vector<Mount> mounts;
};

}  // namespace portoser::agent::engine
