#include "tests/support/cgroups.h"

#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace portoser::test {

bool remove_cgroup(const std::filesystem::path& cgroup) {
  std::error_code ignored;
  for (const auto& child : std::filesystem::directory_iterator{cgroup, ignored}) {
    if (child.is_directory(ignored)) remove_cgroup(child.path());
  }
  return ::rmdir(cgroup.c_str()) == 0 || errno == ENOENT;
}

}  // namespace portoser::test
