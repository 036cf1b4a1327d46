/// /api/dependencies: which services need which, in what order they start, and whom one takes
/// along.
#pragma once

#include "common/describe.h"
#include "controller/api/service_rows.h"
#include "controller/deployment/dependencies.h"
#include "controller/deployment/dependency_edits.h"
#include "controller/deployment/file_dependencies.h"
#include "controller/http/call.h"
#include "controller/registry/watch.h"

#include <map>
#include <string>
#include <vector>

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct DependencyNode {
  std::string id;
  std::string label;
  std::string type;      ///< docker, native, local; missing: registry.yml has no such service
  std::string host;      ///< "unassigned": none
  std::string hostname;  ///< empty: a missing one
  std::string status;    ///< running, stopped, unknown
  std::string health;    ///< healthy, unhealthy, stopped, unknown
};
BOOST_DESCRIBE_STRUCT(DependencyNode, (), (id, label, type, host, hostname, status, health))

/// `from` needs `to`.
struct DependencyEdge {
  std::string from;
  std::string to;
  std::string type;    ///< required, optional
  std::string source;  ///< which file says so: registry, compose, service_yml
};
BOOST_DESCRIBE_STRUCT(DependencyEdge, (), (from, to, type, source))

/// The same for React Flow: what needs nothing is on the left, missing ones are in a column before.
struct FlowPosition {
  int x = 0;  ///< pixels
  int y = 0;
};
BOOST_DESCRIBE_STRUCT(FlowPosition, (), (x, y))

struct FlowLabel {
  std::string label;
};
BOOST_DESCRIBE_STRUCT(FlowLabel, (), (label))

struct FlowNode {
  std::string id;
  FlowPosition position;
  FlowLabel data;
};
BOOST_DESCRIBE_STRUCT(FlowNode, (), (id, position, data))

struct FlowEdge {
  std::string id;
  std::string source;
  std::string target;
};
BOOST_DESCRIBE_STRUCT(FlowEdge, (), (id, source, target))

struct DependencyFlow {
  std::vector<FlowNode> nodes;
  std::vector<FlowEdge> edges;
};
BOOST_DESCRIBE_STRUCT(DependencyFlow, (), (nodes, edges))

/// A compose file or service.yml that may name more, and has not been read.
struct DependencyUnread {
  std::string service;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(DependencyUnread, (), (service, reason))

struct DependencyGraphView {
  std::vector<DependencyNode> nodes;
  std::vector<DependencyEdge> edges;
  std::vector<std::vector<std::string>> cycles;  ///< each as "a", "b", "a"
  std::vector<DependencyUnread> unread;
  DependencyFlow react_flow;
  std::string revision;  ///< of registry.yml
};
BOOST_DESCRIBE_STRUCT(DependencyGraphView, (), (nodes, edges, cycles, unread, react_flow, revision))

struct DependencyRow {
  std::string name;
  std::string host;
  std::string type;
  std::string source;  ///< which file says so: registry, compose, service_yml
};
BOOST_DESCRIBE_STRUCT(DependencyRow, (), (name, host, type, source))

struct ServiceDependencies {
  std::string service;
  std::vector<DependencyRow> dependencies;
  std::vector<DependencyRow> dependents;
};
BOOST_DESCRIBE_STRUCT(ServiceDependencies, (), (service, dependencies, dependents))

struct DeploymentOrder {
  std::string service;
  std::vector<std::string> deployment_order;  ///< what it needs first, itself last
  std::vector<deployment::Wave> waves;        ///< the same, side by side where possible
  std::vector<std::string> missing;           ///< needed, and not in registry.yml
  std::vector<DependencyUnread> unread;       ///< whose files may say that there is more
  std::int64_t total_services = 0;
};
BOOST_DESCRIBE_STRUCT(DeploymentOrder,
                      (),
                      (service, deployment_order, waves, missing, unread, total_services))

struct DependencyImpact {
  std::string service;
  std::vector<std::string> direct_dependents;
  std::vector<std::string> all_dependents;
  std::string impact_level;  ///< high: 5 and more, medium: 2 and more, low
  std::int64_t total_affected = 0;
};
BOOST_DESCRIBE_STRUCT(DependencyImpact,
                      (),
                      (service, direct_dependents, all_dependents, impact_level, total_affected))

struct DependencyValidation {
  bool valid = true;
  std::vector<std::string> errors;
  std::int64_t total_errors = 0;
  std::vector<DependencyUnread> unread;  ///< whose files were not looked at
};
BOOST_DESCRIBE_STRUCT(DependencyValidation, (), (valid, errors, total_errors, unread))

struct DependencyList {
  std::map<std::string, std::vector<std::string>> dependencies;
  std::int64_t total_services = 0;
};
BOOST_DESCRIBE_STRUCT(DependencyList, (), (dependencies, total_services))

struct DependencyRequest {
  std::string service;
  std::string dependency;
};
BOOST_DESCRIBE_STRUCT(DependencyRequest, (), (service, dependency))

struct DependencyEdited {
  bool success = true;
  std::string service;
  std::string dependency;
  std::string message;
  std::string revision;  ///< of registry.yml
};
BOOST_DESCRIBE_STRUCT(DependencyEdited, (), (success, service, dependency, message, revision))

class DependenciesApi {
 public:
  DependenciesApi(const registry::RegistryWatch& registry,
                  const ServiceRows& rows,
                  const deployment::FileDependencies& files,
                  deployment::DependencyEdits& edits)
      : registry_(registry), rows_(rows), files_(files), edits_(edits) {}

  void add_to(http::Router& router);

 private:
  DependencyGraphView graph(http::Call<void> call);
  ServiceDependencies of_service(http::Call<void> call);
  DeploymentOrder order(http::Call<void> call);
  DependencyImpact impact(http::Call<void> call);
  DependencyValidation validate(http::Call<void> call);
  DependencyList list(http::Call<void> call);
  asio::awaitable<DependencyEdited> add(http::Call<DependencyRequest> call);
  asio::awaitable<DependencyEdited> remove(http::Call<DependencyRequest> call);
  [[nodiscard]] bool still_needed(const std::string& service, const std::string& needed) const;

  const registry::RegistryWatch& registry_;
  const ServiceRows& rows_;
  const deployment::FileDependencies& files_;
  deployment::DependencyEdits& edits_;
};

}  // namespace portoser::api
