/// Collects what is wrong while an entry is read. Private to the room.
#pragma once

#include "controller/registry/model.h"
#include "controller/registry/text.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

/// What a finding is about: the key's path and its place in the text.
struct Place {
  std::string path;
  Mark mark;
};

/// What messages quote from the file has its secrets hidden.
class Notes {
 public:
  void error(const Place& place, std::string message, std::string hint = {});
  void warning(const Place& place, std::string message, std::string hint = {});
  void add(Severity severity, const Place& place, std::string message, std::string hint = {});

  [[nodiscard]] bool empty() const { return findings_.empty(); }
  [[nodiscard]] std::vector<Finding> take() { return std::move(findings_); }

 private:
  std::vector<Finding> findings_;
};

}  // namespace portoser::registry
