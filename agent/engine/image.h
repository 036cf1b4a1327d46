/// Images, and what else of a machine decides whether a container can be made there.
#pragma once

#include <cstdint>
#include <string>

namespace portoser::agent::engine {

struct Platform {
  std::string os;
  std::string architecture;  ///< as Go says: "amd64", "arm64"
};

struct Image {
  std::string id;  ///< "sha256:…"
  Platform platform;
  std::int64_t size_bytes = 0;
};

struct Machine {
  Platform platform;
  std::string root_folder;  ///< where the engine keeps images and volumes
  std::int64_t memory_bytes = 0;
};

/// A port of the host that leads to a running container.
struct TakenPort {
  std::string container;  ///< name
  std::string container_id;
  std::string address;
  int port = 0;
  std::string protocol;
};

}  // namespace portoser::agent::engine
