/// Runs compose for `portoser-deployment`, with its output as ours. Blocking; the program has one
/// thread.
#pragma once

#include "agent/deployments/parameters.h"

#include <string>
#include <vector>

namespace portoser::agent::deployments {

class ComposeRun {
 public:
  explicit ComposeRun(const Parameters& parameters) : parameters_(parameters) {}

  /// Its exit status; 128 + signal for one that a signal ended. `file` empty: the service's own.
  int operator()(const std::vector<std::string>& words,
                 const std::vector<std::string>& services = {},
                 const std::string& file = {}) const;
  /// What it writes to its standard output; empty when it fails.
  [[nodiscard]] std::string output(const std::vector<std::string>& words,
                                   const std::string& file) const;

  /// `up -d` of what is there: nothing is built, nothing pulled.
  [[nodiscard]] std::vector<std::string> up_words() const;

 private:
  [[nodiscard]] std::vector<std::string> line(const std::vector<std::string>& words,
                                              const std::vector<std::string>& services,
                                              const std::string& file) const;

  const Parameters& parameters_;
};

}  // namespace portoser::agent::deployments
