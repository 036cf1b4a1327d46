#include "controller/storage/age_guard.h"

#include "common/log.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

using std::chrono::duration_cast;
using std::chrono::hours;
using std::chrono::microseconds;

/// No clock that is kept by NTP is set by so much.
constexpr microseconds tolerance = hours{1};
constexpr microseconds longest_wait = hours{24};
/// A machine hears of the time sooner after its start.
constexpr std::chrono::nanoseconds behind_for_long = hours{1};

}  // namespace

asio::awaitable<bool> AgeGuard::is_clock_sure() {
  const auto uptime = clock_.uptime();
  if (!mark_) {
    mark_ = co_await stored();
    if (!mark_) mark_ = Mark{clock_.now()};
    at_uptime_ = asked_ = uptime;
  }
  const auto since_asked = duration_cast<microseconds>(uptime - std::exchange(asked_, uptime));
  const auto now = clock_.now();
  const auto ahead = now - mark_->at - duration_cast<microseconds>(uptime - at_uptime_);
  if (ahead > tolerance) {
    if (!std::exchange(is_ahead_, true)) {
      log::warn("storage",
                "the clock is further than the time that passed: nothing is deleted for a while",
                {{"hours", duration_cast<hours>(ahead).count()},
                 {"believed_until", to_rfc3339(mark_->at)},
                 {"now", to_rfc3339(now)}});
    } else {
      mark_->waited += since_asked;
    }
    if (mark_->waited < std::min<microseconds>(ahead / 4, longest_wait)) {
      co_await keep();
      co_return false;
    }
  } else if (ahead < -tolerance) {
    if (!behind_since_) behind_since_ = uptime;
    if (uptime - *behind_since_ < behind_for_long) co_return true;
  }
  is_ahead_ = false;
  behind_since_.reset();
  mark_ = Mark{now};
  at_uptime_ = uptime;
  co_await keep();
  co_return true;
}

asio::awaitable<std::optional<AgeGuard::Mark>> AgeGuard::stored() {
  return database_.read([](Connection& connection) {
    auto row = connection.query("SELECT at, waited FROM clock_marks");
    std::optional<Mark> mark;
    if (!row.next()) return mark;
    std::int64_t waited = 0;
    mark.emplace();
    row.read(mark->at, waited);
    mark->waited = microseconds{waited};
    return mark;
  });
}

asio::awaitable<void> AgeGuard::keep() {
  return database_.write([mark = *mark_](Connection& connection) {
    connection.query("INSERT OR REPLACE INTO clock_marks (id, at, waited) VALUES (1, ?, ?)")
        .bind(mark.at, mark.waited.count())
        .run();
  });
}

}  // namespace portoser::storage
