// All services together: their availability and when they were up, also where they are no more.
#include "controller/api/time_ranges.h"
#include "controller/api/uptime.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <tuple>

namespace portoser::api {
namespace {

constexpr std::chrono::hours one_day{24};
/// More are no picture, and a service that crashes every minute has them in weeks.
constexpr std::size_t most_entries = 20'000;

/// The names in a list; none: it is not given, or empty.
std::vector<std::string> names_in(const http::CallContext& call, const std::string& parameter) {
  const auto list = call.query(parameter).value_or("");
  std::vector<std::string> names;
  std::istringstream in{list};
  for (std::string name; std::getline(in, name, ',');) {
    const auto first = name.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    names.push_back(name.substr(first, name.find_last_not_of(' ') - first + 1));
  }
  if (names.empty() && !list.empty()) {
    throw Error{Code::invalid,
                fmt::format("{} is \"{}\": it must be names with commas", parameter, list),
                "query." + parameter};
  }
  return names;
}

void require_days(std::int64_t days, std::int64_t most) {
  if (days >= 1 && days <= most) return;
  throw Error{
      Code::invalid, fmt::format("days is {}: it must be 1 to {}", days, most), "body.days"};
}

/// A host that has left registry.yml may be one on which a service was.
void require_machines(const registry::Registry& registry,
                      const std::vector<std::string>& wanted,
                      const std::set<std::string>& found,
                      const std::string& where) {
  for (const auto& name : wanted) {
    if (!found.contains(name)) std::ignore = registry.require_host(name, where);
  }
}

}  // namespace

/// Where a service was, its row says so; where nothing is known of it there, it has none.
asio::awaitable<std::vector<UptimeApi::Overviewed>> UptimeApi::overview_since(
    telemetry::PlaceFilter filter, Time from, Time now) {
  auto registry = registry_.snapshot()->registry;
  auto places = co_await history_.everywhere(std::move(registry), std::move(filter), from);
  std::vector<Overviewed> all;
  for (auto& place : places) {
    auto stats = stats_row(place.placed, place.log, from, now);
    if (place.former) {
      if (is_unknown(stats)) continue;
      make_former(stats);
    }
    all.push_back({std::move(place), std::move(stats)});
  }
  co_return all;
}

asio::awaitable<UptimeSummaryView> UptimeApi::summary_since(Time from, Time now) {
  telemetry::PlaceFilter everything;
  auto all = co_await overview_since(std::move(everything), from, now);
  std::vector<UptimeStatsRow> rows;
  rows.reserve(all.size());
  for (auto& one : all) rows.push_back(std::move(one.stats));
  co_return summary_of(std::move(rows), now);
}

asio::awaitable<UptimeSummaryView> UptimeApi::all(http::Call<void> call) {
  const auto window = window_of(call);
  co_return co_await summary_since(window.from, window.now);
}

asio::awaitable<UptimeSummaryView> UptimeApi::summary(http::Call<void>) {
  const auto now = clock_.now();
  co_return co_await summary_since(now - 30 * one_day, now);
}

asio::awaitable<TimelineView> UptimeApi::timeline(http::Call<void> call) {
  telemetry::PlaceFilter filter;
  filter.services = names_in(call, "services");
  filter.machines = names_in(call, "machines");
  co_return co_await timeline_since(call.query_int("days", 7, 1, 90), std::move(filter), "query");
}

asio::awaitable<TimelineView> UptimeApi::posted_timeline(http::Call<TimelineRequest> call) {
  require_days(call.body.days, 90);
  telemetry::PlaceFilter filter;
  filter.services = call.body.services.value_or(std::vector<std::string>{});
  filter.machines = call.body.machines.value_or(std::vector<std::string>{});
  co_return co_await timeline_since(call.body.days, std::move(filter), "body");
}

asio::awaitable<TimelineView> UptimeApi::timeline_since(std::int64_t days,
                                                        telemetry::PlaceFilter filter,
                                                        std::string part) {
  const auto registry = registry_.snapshot()->registry;
  for (const auto& name : filter.services) {
    std::ignore = registry->require_service(name, part + ".services");
  }
  const auto wanted_machines = filter.machines;
  TimelineView view;
  view.end_time = clock_.now();
  view.start_time = view.end_time - days * one_day;
  auto all = co_await overview_since(std::move(filter), view.start_time, view.end_time);
  std::vector<UptimeStatsRow> rows;
  std::set<std::string> services;
  std::set<std::string> hosts;
  for (auto& [place, stats] : all) {
    auto entries = timeline_of(place.placed, place.log, view.start_time, view.end_time);
    for (auto& entry : entries) {
      entry.former = place.former;
      view.entries.push_back(std::move(entry));
    }
    if (view.entries.size() > most_entries) {
      throw Error{Code::too_large,
                  fmt::format("the timeline has more than {} entries", most_entries),
                  part + ".days"}
          .hint("ask for fewer days, or name services");
    }
    services.insert(place.placed.service);
    hosts.insert(place.placed.machine);
    rows.push_back(std::move(stats));
  }
  require_machines(*registry, wanted_machines, hosts, part + ".machines");
  view.services.assign(services.begin(), services.end());
  view.machines.assign(hosts.begin(), hosts.end());
  view.summary = summary_of(std::move(rows), view.end_time);
  co_return view;
}

}  // namespace portoser::api
