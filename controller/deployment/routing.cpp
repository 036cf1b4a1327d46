#include "controller/deployment/routing.h"

#include "common/derived_ulid.h"
#include "protocol/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace portoser::deployment {
namespace {

constexpr std::chrono::minutes command_limit{2};
constexpr std::chrono::seconds look_again{1};

template <class Arguments>
protocol::Command routing_command(const Arguments& arguments, const std::string& move_id) {
  protocol::Command command;
  command.name = Arguments::name;
  command.id = derived_ulid(move_id, command.name);
  command.duration_ms = std::chrono::milliseconds{command_limit}.count();
  command.arguments = protocol::encode_arguments(arguments);
  return command;
}

/// The sentences of one kind in what a host wrote.
std::string sentences(const std::vector<std::string>& lines, std::string_view beginning) {
  std::string text;
  for (const auto& line : lines) {
    if (!line.starts_with(beginning)) continue;
    text += (text.empty() ? "" : "; ") + line.substr(beginning.size());
  }
  return text;
}

std::string last_line(const std::string& output) {
  constexpr std::size_t longest = 500;
  const auto end = output.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const auto begin = output.find_last_of('\n', end);
  const auto first = begin == std::string::npos ? 0 : begin + 1;
  return output.substr(first, std::min(end - first + 1, longest));
}

/// Nobody tried, or nothing was found that could be changed.
bool is_left(const std::string& reason) {
  return reason == "ROUTE_NOT_FOUND" || reason == "AGENT_MISSING" || reason == "UNKNOWN_COMMAND" ||
         reason == "DEVICE_UNKNOWN" || reason == "MACHINE_UNKNOWN";
}

bool has_not_followed(const RoutingResult& result) {
  return result.state == "failed" || result.state == "left";
}

}  // namespace

Routing::Routing(registry::RegistryWatch& registry, fleet::Fleet& fleet, RoutingSettings settings)
    : registry_(registry), fleet_(fleet), settings_(std::move(settings)) {}

asio::awaitable<std::vector<RoutingResult>> Routing::follow(
    std::string service, std::string old_host, std::string new_host, std::string move_id, Log log) {
  const auto plan = plan_routing(*registry_.snapshot()->registry, service, old_host, new_host);
  auto results = plan.known;
  if (plan.caddy) {
    auto asking = ask(plan.caddy->host, routing_command(plan.caddy->command, move_id), log);
    const auto answer = co_await std::move(asking);
    judge("caddy", plan.caddy->by_hand, answer, results);
  }
  if (plan.dns) {
    auto asking = ask(plan.dns->host, routing_command(plan.dns->command, move_id), log);
    const auto answer = co_await std::move(asking);
    judge("dns", plan.dns->by_hand, answer, results);
  }
  const bool has_open = std::any_of(results.begin(), results.end(), has_not_followed);
  if (!settings_.hook.empty() && (results.empty() || has_open)) {
    auto running = run_hook(plan.moved, log);
    const auto ended = co_await std::move(running);
    results.push_back(ended);
  }
  if (results.empty()) results.push_back({"none", "left", still_points(plan.moved)});
  if (plan.in_registry) results.push_back(*plan.in_registry);
  for (const auto& result : results) {
    log(fmt::format("{}: {}: {}", result.kind, result.state, result.message));
  }
  co_return results;
}

asio::awaitable<Routing::HostAnswer> Routing::ask(std::string host,
                                                  protocol::Command command,
                                                  Log log) {
  const auto until = std::chrono::steady_clock::now() + settings_.patience;
  // What comes late, after we are gone, must find them still.
  auto lines = std::make_shared<std::vector<std::string>>();
  for (;;) {
    HostAnswer answer;
    try {
      fleet::Dispatch::OnOutput listen = [lines, log, host](const protocol::Progress& news) {
        for (const auto& line : news.lines) {
          lines->push_back(line);
          log(fmt::format("{}: {}", host, line));
        }
      };
      auto running = fleet_.run(host, command, std::move(listen));
      answer.result = co_await std::move(running);
    } catch (const Error& error) {
      answer.problem = error;
    }
    answer.lines = *lines;
    const bool is_away = answer.problem && answer.problem->reason() == "AGENT_OFFLINE";
    if (!is_away || std::chrono::steady_clock::now() >= until) co_return answer;
    co_await pause(look_again);
  }
}

/// What still has to be done by hand although the host has done its part is a result of its own.
void Routing::judge(const std::string& kind,
                    const std::string& by_hand,
                    const HostAnswer& answer,
                    std::vector<RoutingResult>& results) {
  if (answer.result && answer.result->succeeded) {
    const auto done = sentences(answer.lines, protocol::routing_done);
    const auto nothing = sentences(answer.lines, protocol::routing_nothing);
    if (done.empty() && !nothing.empty()) {
      results.push_back({kind, "nothing_to_do", nothing});
    } else {
      // Without a line it was done before, and the host keeps of that only how it ended.
      results.push_back({kind, "done", done.empty() ? "it was done" : done});
    }
    const auto left = sentences(answer.lines, protocol::routing_left);
    if (!left.empty()) results.push_back({kind, "left", left});
    return;
  }
  const auto reason = answer.result ? answer.result->reason : answer.problem->reason();
  const auto why = answer.result ? answer.result->message : answer.problem->message();
  results.push_back(
      {kind, is_left(reason) ? "left" : "failed", fmt::format("{}; {}", why, by_hand)});
}

ChildRequest Routing::hook_request(const MovedService& moved) const {
  ChildRequest request;
  request.argv = {settings_.hook,
                  moved.service,
                  moved.hostname,
                  moved.old_host,
                  moved.old_ip,
                  moved.new_host,
                  moved.new_ip,
                  moved.port ? std::to_string(*moved.port) : std::string{}};
  request.folder = "/";
  request.limit = settings_.hook_limit;
  return request;
}

asio::awaitable<RoutingResult> Routing::run_hook(MovedService moved, Log log) {
  RoutingResult result;
  result.kind = "hook";
  result.state = "failed";
  std::string problem;
  try {
    auto running = run_child(hook_request(moved));
    const auto ended = co_await std::move(running);
    auto words = last_line(ended.output);
    if (!words.empty()) {
      log(fmt::format("{}: {}", settings_.hook, words));
      words.insert(0, ": ");
    }
    if (ended.timed_out) {
      problem = fmt::format(
          "{} took longer than {} s and was ended", settings_.hook, settings_.hook_limit.count());
    } else if (ended.exit_code != 0) {
      problem = fmt::format("{} failed (exit {}){}", settings_.hook, ended.exit_code, words);
    } else {
      result.state = "done";
      result.message = fmt::format("{} was run{}", settings_.hook, words);
    }
  } catch (const Error& error) {
    problem = error.message();
  }
  if (!problem.empty()) result.message = fmt::format("{}; {}", problem, still_points(moved));
  co_return result;
}

}  // namespace portoser::deployment
