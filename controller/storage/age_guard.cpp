#include "controller/storage/age_guard.h"

#include "common/log.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <chrono>

namespace portoser::storage {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

/// No clock that is kept by NTP is set by so much.
constexpr microseconds tolerance = hours{1};
constexpr microseconds longest_rest = hours{24};

}  // namespace

asio::awaitable<bool> AgeGuard::is_clock_sure() {
  const auto uptime = clock_.uptime();
  if (!sure_) {
    const auto mark = co_await this->mark();
    sure_ = Anchor{mark.value_or(clock_.now()), uptime};
  }
  const auto now = clock_.now();
  const auto passed = std::chrono::duration_cast<microseconds>(uptime - sure_->uptime);
  const auto ahead = now - sure_->wall - passed;
  if (ahead > tolerance) {
    if (!ahead_since_) {
      ahead_since_ = uptime;
      log::warn("storage",
                "the clock is further than the time that passed: nothing is deleted for a while",
                {{"hours", std::chrono::duration_cast<hours>(ahead).count()},
                 {"believed_until", to_rfc3339(sure_->wall)},
                 {"now", to_rfc3339(now)}});
    }
    const microseconds rest = std::min<microseconds>(ahead / 4, longest_rest);
    if (uptime - *ahead_since_ < rest) co_return false;
  }
  ahead_since_.reset();
  sure_ = Anchor{now, uptime};
  co_await keep_mark(now);
  co_return true;
}

asio::awaitable<std::optional<Time>> AgeGuard::mark() {
  return database_.read([](Connection& connection) {
    auto row = connection.query("SELECT at FROM clock_marks");
    std::optional<Time> at;
    if (row.next()) row.read(at.emplace());
    return at;
  });
}

asio::awaitable<void> AgeGuard::keep_mark(Time now) {
  return database_.write([now](Connection& connection) {
    connection.query("INSERT OR REPLACE INTO clock_marks (id, at) VALUES (1, ?)").bind(now).run();
  });
}

}  // namespace portoser::storage
