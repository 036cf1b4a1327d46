/// Finds the compose tool of this host. Lives on the agent's Asio thread.
#pragma once

#include "agent/actions/compose_arguments.h"
#include "common/tasks.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::actions {

class ComposeFinder {
 public:
  /// `chosen`: the tool to use ({"docker", "compose"}); empty: v2 where it is there, else 1.29.
  explicit ComposeFinder(std::vector<std::string> chosen = {}) : chosen_(std::move(chosen)) {}

  /// Looked for once. None there: `Error{unavailable, COMPOSE_MISSING}`.
  asio::awaitable<ComposeTool> find();
  /// Somebody may have installed or removed one: the next call looks again.
  void forget() { found_.reset(); }

 private:
  std::vector<std::string> chosen_;
  std::optional<ComposeTool> found_;
};

/// The error for a host without one.
Error compose_missing(const std::string& what);

}  // namespace portoser::agent::actions
