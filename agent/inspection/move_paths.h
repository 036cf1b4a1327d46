/// Which paths of a host belong to a service's folder, which to the host itself, and which folder
/// may go to another host at all. Looks at symbolic links only. Blocking; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace portoser::agent::inspection {

/// The folder of a compose file.
struct ServiceFolder {
  std::string named;  ///< as the registry and compose name it
  std::string real;   ///< without symbolic links
};
ServiceFolder folder_of(const std::string& compose_file);

struct HostPath {
  std::string path;  ///< what has to be on the host for the mount to work
  bool is_inside = false;
};

/// A path that compose will name on the other host too. A symbolic link in the folder goes along as
/// it is, so what it leads to is what has to be there; one outside of it is not followed, since
/// its own name is asked for.
HostPath in_file(const std::string& path, const ServiceFolder& folder);

/// A path of a container that is there. It may have been made by another name of the folder, which
/// compose will not use again.
HostPath in_container(const std::string& path, const ServiceFolder& folder);

/// Equal, or below it. Both normal.
bool is_at_or_below(const std::string& path, const std::string& folder);
std::string normal(const std::string& path);

/// Every host has it, with what is its own: /etc/localtime, /dev, the engine's socket and folders.
/// `path` as it was named.
bool is_of_system(const std::string& path, bool is_read_only, const std::string& engine_root);

/// "folder", "file", "other" (a socket, a device) or "missing", as `MoveBind::kind`.
std::string kind_of(const std::string& path);

/// Why a folder (real) is more than a service's own, as the end of a sentence; empty: it may go.
/// `precious`: folders that must not lie in it, nor it in them (the engine's, the agent's).
std::string why_shared(const std::string& folder, const std::vector<std::string>& precious);

}  // namespace portoser::agent::inspection
