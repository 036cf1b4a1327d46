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
#include <string>

namespace portoser::telemetry {
namespace {

constexpr const char* choice = "collection.interval_seconds";
constexpr std::chrono::seconds shortest{1};
constexpr std::chrono::seconds longest{300};

/// 0: it is no number of seconds that anybody may choose.
std::chrono::seconds seconds_of(const std::string& text) {
  std::int64_t count = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == end;
  const std::chrono::seconds seconds{is_number ? count : 0};
  return seconds < shortest || seconds > longest ? std::chrono::seconds{0} : seconds;
}

}  // namespace

asio::awaitable<void> Collection::start() {
  const auto chosen = co_await choices_.find(choice);
  if (!chosen) co_return;
  const auto seconds = seconds_of(*chosen);
  if (seconds.count() == 0) {
    log::error("telemetry", "the stored interval of measuring is damaged", {{"value", *chosen}});
    co_return;
  }
  log::info("telemetry",
            "hosts are measured as often as was chosen over the API",
            {{"seconds", seconds.count()}, {"setting_ms", settings_.interval.count()}});
  apply(seconds);
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
  co_await choices_.keep(choice, std::to_string(interval.count()));
  log::info("telemetry", "the interval of measuring was changed", {{"seconds", interval.count()}});
  apply(interval);
}

void Collection::apply(std::chrono::milliseconds interval) {
  interval_ = interval;
  const auto three = 3 * interval;
  live_.set_fresh_for(three);
  series_.set_join(three);
  remote_write_.set_heard_within(std::max(settings_.heard_within, 4 * interval));
  fleet_.set_sample_interval(interval);
}

}  // namespace portoser::telemetry
