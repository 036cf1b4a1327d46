#include "controller/deployment/dependency_edits.h"

#include "controller/deployment/dependencies.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace portoser::deployment {
namespace {

/// Somebody edits the same entry at the same time again and again.
constexpr int most_attempts = 10;

std::vector<std::string> with(const registry::Registry& registry,
                              const DependencyGraph& graph,
                              const registry::Service& service,
                              const std::string& dependency) {
  static_cast<void>(registry.require_service(dependency, "body.dependency"));
  if (dependency == service.name) {
    throw Error{Code::invalid, "a service cannot need itself", "body.dependency"};
  }
  const auto& needed = graph.needed_by(service.name);
  if (std::find(needed.begin(), needed.end(), dependency) != needed.end()) {
    throw Error{Code::conflict,
                fmt::format("\"{}\" needs \"{}\" already, as its {} says",
                            service.name,
                            dependency,
                            file_word(graph.need_of(service.name, dependency).source)),
                "body.dependency"}
        .reason("DEPENDENCY_EXISTS");
  }
  if (auto way = graph.way(dependency, service.name); !way.empty()) {
    way.insert(way.begin(), service.name);
    throw Error{Code::conflict,
                fmt::format("that would close a cycle: {}", cycle_text(way)),
                "body.dependency"}
        .reason("DEPENDENCY_CYCLE")
        .hint("take one of these dependencies away first");
  }
  auto all = service.dependencies;
  all.push_back(dependency);
  return all;
}

std::vector<std::string> without(const registry::Registry& /*registry*/,
                                 const DependencyGraph& graph,
                                 const registry::Service& service,
                                 const std::string& dependency) {
  auto left = service.dependencies;
  if (std::erase(left, dependency) > 0) return left;
  const auto source = graph.need_of(service.name, dependency).source;
  if (source == "registry") {
    throw Error{
        Code::not_found,
        fmt::format("registry.yml does not say that \"{}\" needs \"{}\"", service.name, dependency),
        "body.dependency"}
        .reason("DEPENDENCY_UNKNOWN");
  }
  throw Error{Code::conflict,
              fmt::format("the {} of \"{}\" says that it needs \"{}\"",
                          file_word(source),
                          service.name,
                          dependency),
              "body.dependency"}
      .reason("DEPENDENCY_IN_FILE")
      .hint("take it out of that file on its host");
}

}  // namespace

asio::awaitable<registry::EditOutcome> DependencyEdits::add(std::string service,
                                                            std::string dependency,
                                                            std::string who) {
  return edit(std::move(service), std::move(dependency), std::move(who), &with);
}

asio::awaitable<registry::EditOutcome> DependencyEdits::remove(std::string service,
                                                               std::string dependency,
                                                               std::string who) {
  return edit(std::move(service), std::move(dependency), std::move(who), &without);
}

/// On the entry as it was read: when another edit of it comes between, once more from there.
asio::awaitable<registry::EditOutcome> DependencyEdits::edit(std::string service,
                                                             std::string dependency,
                                                             std::string who,
                                                             Change change) {
  for (int attempt = 1;; ++attempt) {
    const auto registry = registry_.snapshot()->registry;
    const auto& entry = registry->require_service(service, "body.service");
    const auto all = change(*registry, files_.graph(*registry), entry, dependency);
    registry::EntryEdit edit;
    edit.section = registry::Section::services;
    edit.name = service;
    // Without any, the key goes.
    auto value = all.empty() ? registry::FieldValue{} : registry::FieldValue::of_texts(all);
    edit.fields.push_back({"dependencies", std::move(value)});
    registry::EditTerms terms;
    terms.who = who;
    terms.if_revision = {entry.revision};
    std::optional<Error> failure;
    try {
      auto editing = editor_.edit(std::move(edit), std::move(terms));
      co_return co_await std::move(editing);
    } catch (const Error& error) {
      failure = error;
    }
    if (failure->reason() != "PRECONDITION_FAILED" || attempt == most_attempts) {
      throw Error{*failure};
    }
    co_await registry_.reload();
  }
}

}  // namespace portoser::deployment
