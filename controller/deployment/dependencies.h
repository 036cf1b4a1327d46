/// Which services need which: what registry.yml and the files of services say, as a graph. Pure,
/// and immutable once made; any thread.
#pragma once

#include "controller/registry/model.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::deployment {

/// Services that do not need each other, directly or not: they may be handled side by side.
using Wave = std::vector<std::string>;

/// What a service's own file says that it needs.
struct FileNeed {
  std::string name;
  std::string source;  ///< "compose" or "service_yml"
  std::string type;    ///< required, optional, or completed: it has to run once and end well
};
/// By service.
using FileNeeds = std::map<std::string, std::vector<FileNeed>, std::less<>>;

class DependencyGraph {
 public:
  /// A service that names itself, or one twice, needs it not at all, or once.
  explicit DependencyGraph(const registry::Registry& registry, const FileNeeds& files = {});

  /// Who says that it needs it, and how: source "registry" (and required), else what the file says.
  [[nodiscard]] FileNeed need_of(const std::string& service, const std::string& needed) const;

  /// In the order of the registry, then of the service's file; also names of which the registry has
  /// no service.
  [[nodiscard]] const std::vector<std::string>& needed_by(std::string_view service) const;
  /// Who names it, in the order of the file.
  [[nodiscard]] const std::vector<std::string>& dependents_of(std::string_view service) const;
  /// They, and who needs them, and so on: the nearest first, each once, without the service itself.
  [[nodiscard]] std::vector<std::string> all_dependents_of(std::string_view service) const;
  /// The service and whatever it needs, directly or not, of which there is a service.
  [[nodiscard]] std::vector<std::string> with_needed(std::string_view service) const;
  /// The same without what is optional: when one of them fails, the service cannot work.
  [[nodiscard]] std::vector<std::string> with_required(std::string_view service) const;
  /// The shortest way from one to another that it needs, directly or not, both included. Empty: it
  /// does not need it.
  [[nodiscard]] std::vector<std::string> way(const std::string& from, const std::string& to) const;
  /// Named as a dependency, and no service of the registry. Sorted.
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }

  /// Each knot of services that need each other, as one closed way through it: "a", "b", "a". A
  /// service may be in a knot and not on its way.
  [[nodiscard]] std::vector<std::vector<std::string>> cycles() const;
  /// What each needs comes in an earlier wave than it; what lies between two of them, and is not
  /// among them, counts. A cycle: `Error{conflict}`, DEPENDENCY_CYCLE, which names it.
  [[nodiscard]] std::vector<Wave> waves(const std::vector<std::string>& services) const;
  /// The same, and no cycle is refused: those in one, or in need of one, come behind the others,
  /// and who is in no cycle still behind what it needs.
  [[nodiscard]] std::vector<Wave> order_of(const std::vector<std::string>& services) const;
  /// The waves of all services, and behind them those that are in a cycle or need one that is: the
  /// columns of a picture.
  [[nodiscard]] std::vector<Wave> columns() const;

 private:
  struct Peeled {
    std::vector<Wave> waves;
    std::vector<std::string> knotted;  ///< in a cycle, or in need of one that is
  };
  struct Node {
    std::vector<std::string> needs;      ///< of which there is a service
    std::vector<std::string> required;   ///< of those
    std::vector<std::string> needs_all;  ///< missing ones too
    std::vector<std::string> dependents;
    std::map<std::string, FileNeed> in_file;  ///< those that only a file names
  };
  using Nodes = std::map<std::string, Node, std::less<>>;

  [[nodiscard]] std::vector<std::string> reached_from(std::string_view service,
                                                      std::vector<std::string> Node::*next) const;
  [[nodiscard]] Peeled peel(const std::vector<std::string>& services) const;
  [[nodiscard]] std::string advice(const std::vector<std::string>& cycle) const;

  Nodes nodes_;                     ///< missing ones too: they have dependents
  std::vector<std::string> order_;  ///< of the file
  std::vector<std::string> missing_;
};

/// "a -> b -> a".
std::string cycle_text(const std::vector<std::string>& cycle);

/// A file's source in words: "compose file", "service.yml", "registry.yml".
std::string_view file_word(std::string_view source);

}  // namespace portoser::deployment
