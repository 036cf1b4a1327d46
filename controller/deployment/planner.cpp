#include "controller/deployment/planner.h"

#include "controller/deployment/usable_service.h"
#include "controller/telemetry/service_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace portoser::deployment {
namespace {

/// So many of its newest successes tell how long something takes.
constexpr std::int64_t runs_that_count = 20;

void add_error(PlannedMove& move, const std::string& check, const Error& error) {
  const auto reason = error.reason();
  const bool is_known =
      std::any_of(move.findings.begin(), move.findings.end(), [&](const auto& finding) {
        return finding.reason == reason && is_error(finding);
      });
  if (is_known) return;
  move.findings.push_back(
      {check, "error", reason, move.service, error.message(), std::string{error.hint()}});
}

/// Runs what throws when something stands against the move.
template <class Look>
void add_if_refused(PlannedMove& move, const std::string& check, Look look) {
  try {
    look();
  } catch (const Error& error) {
    add_error(move, check, error);
  }
}

void add_findings(PlannedMove& move, std::vector<protocol::Finding> findings) {
  for (auto& finding : findings) {
    const bool is_known =
        std::any_of(move.findings.begin(), move.findings.end(), [&](const auto& other) {
          return other.reason == finding.reason && other.severity == finding.severity &&
                 other.subject == finding.subject;
        });
    if (!is_known) move.findings.push_back(std::move(finding));
  }
}

std::string word_in_history(const std::string& kind) {
  return kind == Mover::move_kind ? "migrate" : kind;
}

bool stays(const PlannedMove& move) {
  return move.from_machine == move.target_machine;
}

/// Moves whose services need each other, directly or not.
std::set<std::string> knotted_among(const std::vector<PlannedMove>& moves,
                                    const DependencyGraph& graph) {
  std::map<std::string, std::set<std::string>> needs;
  for (const auto& move : moves) {
    const auto needed = graph.with_needed(move.service);
    needs[move.service] = {needed.begin(), needed.end()};
  }
  std::set<std::string> knotted;
  for (const auto& [one, needed_by_one] : needs) {
    for (const auto& [other, needed_by_other] : needs) {
      if (one != other && needed_by_one.contains(other) && needed_by_other.contains(one)) {
        knotted.insert(one);
      }
    }
  }
  return knotted;
}

/// What others need first. Those that cannot be ordered stay at the end as they are.
void put_in_order(std::vector<PlannedMove>& moves, const DependencyGraph& graph) {
  std::map<std::string, std::size_t> place;
  const auto knotted = knotted_among(moves, graph);
  std::vector<std::string> free;
  for (auto& move : moves) {
    if (!knotted.contains(move.service)) {
      free.push_back(move.service);
      continue;
    }
    const auto cycle = graph.way(move.service, move.service);
    add_error(move,
              "dependencies",
              Error{Code::conflict, fmt::format("services need each other: {}", cycle_text(cycle))}
                  .reason("DEPENDENCY_CYCLE")
                  .hint("take one of these dependencies away"));
  }
  for (const auto& wave : graph.order_of(free)) {
    for (const auto& service : wave) place.emplace(service, place.size());
  }
  const auto place_of = [&](const PlannedMove& move) {
    const auto found = place.find(move.service);
    return found == place.end() ? moves.size() : found->second;
  };
  std::stable_sort(moves.begin(), moves.end(), [&](const auto& one, const auto& other) {
    return place_of(one) < place_of(other);
  });
}

/// What follows from the findings.
void judge(PlannedMove& move, const DependencyGraph& graph) {
  for (const auto& finding : move.findings) {
    if (is_error(finding)) {
      move.errors.push_back(finding.message);
    } else if (finding.severity == "warning") {
      move.warnings.push_back(finding.message);
    }
  }
  const auto& dependents = graph.dependents_of(move.service);
  if (stays(move) && move.does == enum_name(Action::restart) && !dependents.empty()) {
    move.warnings.push_back(fmt::format("it is away for a moment, and others need it: {}",
                                        fmt::join(dependents, ", ")));
  }
  move.risk = !move.errors.empty() || !stays(move) ? "high"
              : !move.warnings.empty()             ? "medium"
                                                   : "low";
}

}  // namespace

PlannedMove Planner::planned(const Move& move, const registry::Registry& registry) const {
  const auto& service = registry.require_service(move.service_name, "body.moves");
  PlannedMove made;
  made.service = service.name;
  made.target_machine = move.to_machine;
  made.from_machine = service.current_host;
  if (!stays(made)) {
    made.action = service.current_host ? "MIGRATE from " + *service.current_host : "FRESH DEPLOY";
    made.command = service.current_host
                       ? fmt::format("move \"{}\" with its data from {} to {}",
                                     service.name,
                                     *service.current_host,
                                     move.to_machine)
                       : fmt::format("start \"{}\" on {}", service.name, move.to_machine);
    made.does = service.current_host ? Mover::move_kind : Mover::deploy_kind;
  } else {
    const auto host = live_.host(*service.current_host);
    const bool is_stopped = telemetry::status_of(service, host.get()).status == "stopped";
    const auto action = is_stopped ? Action::start : Action::restart;
    made.does = enum_name(action);
    made.action = is_stopped ? "START" : "RESTART IN PLACE";
    made.command = fmt::format("{} \"{}\" on {}", made.does, service.name, move.to_machine);
  }
  add_if_refused(made, "registry", [&] { require_fresh({move}, registry); });
  add_if_refused(made, "registry", [&] {
    if (!service.current_host && !service.quarantined()) return;
    static_cast<void>(require_usable(registry, service.name));
  });
  made.asks = move;
  return made;
}

asio::awaitable<Plan> Planner::plan(std::vector<Move> moves) {
  const auto registry = registry_.snapshot()->registry;
  check_moves(moves, *registry);
  const auto graph = files_.graph(*registry);
  Plan plan;
  for (const auto& move : moves) plan.plan.push_back(planned(move, *registry));
  put_in_order(plan.plan, graph);
  std::map<std::string, std::vector<PlannedMove*>> by_host;
  for (auto& move : plan.plan) by_host[move.target_machine].push_back(&move);
  std::vector<std::vector<PlannedMove*>> hosts;
  for (auto& [name, all] : by_host) hosts.push_back(std::move(all));
  auto looking = look_on_hosts(hosts, 0);
  co_await std::move(looking);
  for (auto& move : plan.plan) {
    judge(move, graph);
    plan.ok = plan.ok && move.errors.empty();
  }
  plan.total_operations = static_cast<std::int64_t>(plan.plan.size());
  co_return plan;
}

asio::awaitable<bool> Planner::look_on_hosts(const std::vector<std::vector<PlannedMove*>>& hosts,
                                             std::size_t from) {
  if (from == hosts.size()) co_return true;
  auto here = look_on_host(hosts[from]);
  auto elsewhere = look_on_hosts(hosts, from + 1);
  auto both = both_of(std::move(here), std::move(elsewhere));
  co_await std::move(both);
  co_return true;
}

/// One after the other: a host should not be asked everything at once.
asio::awaitable<bool> Planner::look_on_host(const std::vector<PlannedMove*>& moves) {
  for (auto* move : moves) {
    auto looking = look_first(*move);
    co_await std::move(looking);
  }
  co_return true;
}

asio::awaitable<void> Planner::look_first(PlannedMove& move) {
  if (stays(move)) {
    PreflightWish wish;
    wish.service = move.service;
    wish.action = move.does == enum_name(Action::start) ? "up" : "restart";
    auto looking = preflight_.look(std::move(wish));
    auto report = co_await std::move(looking);
    add_findings(move, std::move(report.findings));
    move.volumes = std::move(report.volumes);
  } else if (move.findings.empty()) {
    auto looking = mover_.look(move.asks);
    auto found = co_await std::move(looking);
    add_findings(move, std::move(found.findings));
    move.volumes = std::move(found.volumes);
  }
  auto asking = usual_seconds(move.service, word_in_history(move.does));
  move.estimated_seconds = co_await std::move(asking);
}

asio::awaitable<std::optional<double>> Planner::usual_seconds(std::string service,
                                                              std::string action) {
  storage::DeploymentFilter filter;
  filter.service = std::move(service);
  filter.action = std::move(action);
  filter.status = "success";
  filter.limit = runs_that_count;
  auto listing = history_.list(std::move(filter));
  const auto page = co_await std::move(listing);
  std::int64_t total_ms = 0;
  std::int64_t runs = 0;
  for (const auto& record : page.records) {
    if (!record.duration_ms) continue;
    total_ms += *record.duration_ms;
    ++runs;
  }
  if (runs == 0) co_return std::nullopt;
  constexpr double tenth_ms = 100;
  const auto tenths = static_cast<double>(total_ms) / static_cast<double>(runs) / tenth_ms;
  co_return std::round(tenths) / 10;
}

}  // namespace portoser::deployment
