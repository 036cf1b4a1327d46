/// Dependencies that people add and remove: edits of registry.yml. Any executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/registry/editor.h"
#include "controller/registry/watch.h"

#include <string>

namespace portoser::deployment {

class DependencyEdits {
 public:
  DependencyEdits(registry::RegistryWatch& registry,
                  registry::RegistryEditor& editor,
                  const FileDependencies& files)
      : registry_(registry), editor_(editor), files_(files) {}

  /// Refused: a service that there is not (`not_found`), one that needs itself (`invalid`), one
  /// that is needed already (`conflict`, DEPENDENCY_EXISTS), and what would close a cycle
  /// (`conflict`, DEPENDENCY_CYCLE, which names it). Else as `RegistryEditor::edit`.
  asio::awaitable<registry::EditOutcome> add(std::string service,
                                             std::string dependency,
                                             std::string who);
  /// Also one of which there is no service. Not there: `Error{not_found}`, DEPENDENCY_UNKNOWN. One
  /// that only the service's own file names: `Error{conflict}`, DEPENDENCY_IN_FILE.
  asio::awaitable<registry::EditOutcome> remove(std::string service,
                                                std::string dependency,
                                                std::string who);

 private:
  using Change = std::vector<std::string> (*)(const registry::Registry& registry,
                                              const DependencyGraph& graph,
                                              const registry::Service& service,
                                              const std::string& dependency);
  asio::awaitable<registry::EditOutcome> edit(std::string service,
                                              std::string dependency,
                                              std::string who,
                                              Change change);

  registry::RegistryWatch& registry_;
  registry::RegistryEditor& editor_;
  const FileDependencies& files_;
};

}  // namespace portoser::deployment
