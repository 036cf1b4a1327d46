#include "common/clock.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

namespace portoser {

Time SystemClock::now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Uptime SystemClock::uptime() const {
  timespec spec{};
  ::clock_gettime(CLOCK_BOOTTIME, &spec);
  return std::chrono::seconds{spec.tv_sec} + std::chrono::nanoseconds{spec.tv_nsec};
}

std::string to_rfc3339(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<milliseconds>(time - day)};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()),
                     clock.hours().count(),
                     clock.minutes().count(),
                     clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<Time> time_from_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const std::string copy{text};
  int year_number = 0;
  unsigned month_number = 0;
  unsigned day_number = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int used = 0;
  if (std::sscanf(copy.c_str(),
                  "%4d-%2u-%2u%*1[T ]%2d:%2d:%2d%n",
                  &year_number,
                  &month_number,
                  &day_number,
                  &hour,
                  &minute,
                  &second,
                  &used) != 6 ||
      used == 0) {
    return std::nullopt;
  }
  const year_month_day date{year{year_number}, month{month_number}, day{day_number}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  auto rest = text.substr(static_cast<std::size_t>(used));
  microseconds fraction{0};
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    std::int64_t scale = 100000;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      fraction += microseconds{(rest.front() - '0') * scale};
      scale /= 10;
      rest.remove_prefix(1);
    }
  }
  minutes offset{0};
  if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
    int offset_hour = 0;
    int offset_minute = 0;
    int offset_used = 0;
    const std::string zone{rest.substr(1)};
    if (std::sscanf(zone.c_str(), "%2d:%2d%n", &offset_hour, &offset_minute, &offset_used) != 2) {
      return std::nullopt;
    }
    offset = hours{offset_hour} + minutes{offset_minute};
    if (rest.front() == '-') {
      offset = -offset;
    }
    rest.remove_prefix(1 + static_cast<std::size_t>(offset_used));
  } else if (!rest.empty() && rest.front() == 'Z') {
    rest.remove_prefix(1);
  }
  if (!rest.empty()) {
    return std::nullopt;
  }
  return Time{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset;
}

}  // namespace portoser
