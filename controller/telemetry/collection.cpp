#include "controller/telemetry/collection.h"

#include "common/error.h"
#include "common/log.h"
#include "controller/fleet/fleet.h"
#include "controller/telemetry/live.h"
#include "controller/telemetry/remote_write.h"
#include "controller/telemetry/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

namespace portoser::telemetry {
namespace {

constexpr const char* choice = "collection.intervals";
constexpr std::chrono::seconds shortest{1};
constexpr std::chrono::seconds longest{300};
/// How long a host may be silent depends on the interval of that time, for as long as series reach
/// back. More changes than this are no choices.
constexpr std::size_t most_changes = 200;

}  // namespace

/// "SINCE_MS:SECONDS" of each, with spaces between.
std::string Collection::to_text(const std::vector<Chosen>& chosen) {
  std::string text;
  for (const auto& one : chosen) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}:{}", one.since_ms, one.interval.count());
  }
  return text;
}

std::optional<std::vector<Collection::Chosen>> Collection::from_text(const std::string& text) {
  std::vector<Chosen> chosen;
  std::istringstream in{text};
  for (std::string word; in >> word;) {
    Chosen one;
    std::int64_t seconds = 0;
    const auto* const end = word.data() + word.size();
    const auto since = std::from_chars(word.data(), end, one.since_ms);
    if (since.ec != std::errc{} || since.ptr == end || *since.ptr != ':') return std::nullopt;
    const auto length = std::from_chars(since.ptr + 1, end, seconds);
    if (length.ec != std::errc{} || length.ptr != end) return std::nullopt;
    if (seconds < shortest.count() || seconds > longest.count()) return std::nullopt;
    one.interval = std::chrono::seconds{seconds};
    chosen.push_back(one);
  }
  if (chosen.empty()) return std::nullopt;
  return chosen;
}

asio::awaitable<void> Collection::start() {
  const auto stored = co_await choices_.find(choice);
  if (!stored) co_return;
  auto chosen = from_text(*stored);
  if (!chosen) {
    log::error("telemetry", "the stored interval of measuring is damaged", {{"value", *stored}});
    co_return;
  }
  log::info(
      "telemetry",
      "hosts are measured as often as was chosen over the API",
      {{"seconds", chosen->back().interval.count()}, {"setting_ms", settings_.interval.count()}});
  apply(*chosen);
}

asio::awaitable<void> Collection::set_interval(std::chrono::seconds interval) {
  if (interval < shortest || interval > longest) {
    throw Error{Code::invalid,
                fmt::format("interval is {}: it must be {} to {} seconds",
                            interval.count(),
                            shortest.count(),
                            longest.count()),
                "query.interval"};
  }
  auto chosen = chosen_;
  chosen.push_back({to_unix_us(clock_.now()) / 1000, interval});
  if (chosen.size() > most_changes) chosen.erase(chosen.begin());
  co_await choices_.keep(choice, to_text(chosen));
  log::info("telemetry", "the interval of measuring was changed", {{"seconds", interval.count()}});
  apply(chosen);
}

std::int64_t Collection::whole_seconds(int intervals) const {
  return std::max<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(intervals * interval()).count(), 1);
}

void Collection::apply(const std::vector<Chosen>& chosen) {
  chosen_ = chosen;
  const std::chrono::milliseconds interval = chosen.back().interval;
  JoinHistory joins{3 * settings_.interval.count()};
  for (const auto& one : chosen) {
    joins.change(one.since_ms, 3 * std::chrono::milliseconds{one.interval}.count());
  }
  interval_ = interval;
  live_.set_fresh_for(3 * interval);
  series_.set_joins(std::move(joins));
  remote_write_.set_heard_within(std::max(settings_.heard_within, 4 * interval));
  fleet_.set_sample_interval(interval);
}

}  // namespace portoser::telemetry
