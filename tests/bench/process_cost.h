/// What a process has used so far, from /proc.
#pragma once

#include <sys/types.h>

#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace portoser::bench {

/// CPU seconds of the process, user and system.
inline double cpu_seconds(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  std::getline(file, line);
  std::istringstream rest{line.substr(line.rfind(')') + 2)};
  std::string field;
  // Fields 3 to 13 come before utime and stime (proc(5)).
  for (int i = 3; i <= 13; ++i) rest >> field;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Resident memory in MiB.
inline double resident_mib(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace portoser::bench
