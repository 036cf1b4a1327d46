#include "agent/actions/compose_tool.h"

#include "common/child.h"
#include "common/error.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::agent::actions {
namespace {

/// "1.29.2", "v2.24.5", "2.24.5-desktop.1" -> without the v; anything else: empty.
std::string version_in(const std::string& output) {
  auto line = output.substr(0, output.find('\n'));
  if (line.starts_with('v')) line.erase(0, 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  const bool is_version = !line.empty() && line.front() >= '0' && line.front() <= '9' &&
                          line.find('.') != std::string::npos && line.size() < 64;
  return is_version ? line : std::string{};
}

/// Its version; empty: it is not there. On a busy host docker-compose 1.29 needs seconds to start:
/// one that is slow is not missing.
asio::awaitable<std::string> ask_version(std::vector<std::string> tool) {
  constexpr std::chrono::seconds limit{60};
  const auto name = fmt::format("{}", fmt::join(tool, " "));
  ChildRequest request;
  request.limit = limit;
  request.argv = std::move(tool);
  request.argv.insert(request.argv.end(), {"version", "--short"});
  ChildResult result;
  try {
    result = co_await run_child(std::move(request));
  } catch (const Error& error) {
    if (error.code() == Code::not_found) co_return std::string{};
    throw;
  }
  if (result.timed_out) {
    throw Error{Code::deadline,
                fmt::format("\"{} version\" gave no answer in {} s", name, limit.count())}
        .reason("ACTION_DEADLINE")
        .hint("the host is overloaded, or its disk hangs");
  }
  co_return result.exit_code == 0 ? version_in(result.output) : std::string{};
}

}  // namespace

Error compose_missing(const std::string& what) {
  return Error{Code::unavailable, what}
      .reason("COMPOSE_MISSING")
      .hint(
          "install it: apt install docker-compose on Debian, or Docker's own package "
          "docker-compose-plugin");
}

asio::awaitable<ComposeTool> ComposeFinder::find() {
  if (found_) co_return *found_;
  std::vector<std::vector<std::string>> candidates;
  if (chosen_.empty()) {
    candidates = {{"docker", "compose"}, {"docker-compose"}};
  } else {
    candidates.push_back(chosen_);
  }
  for (const auto& candidate : candidates) {
    ComposeTool tool;
    tool.argv = candidate;
    tool.version = co_await ask_version(candidate);
    if (tool.version.empty()) continue;
    found_ = tool;
    co_return tool;
  }
  throw compose_missing(chosen_.empty()
                            ? std::string{"this host has neither docker compose nor docker-compose"}
                            : fmt::format("the compose tool of the settings does not answer: {}",
                                          fmt::join(chosen_, " ")));
}

}  // namespace portoser::agent::actions
