#include "controller/api/request_counters.h"

#include <algorithm>

namespace portoser::api {
namespace {

/// A user who asked for nothing for so long is not active.
constexpr std::chrono::minutes active_for{5};

}  // namespace

void RequestCounters::request_done(http::Method method,
                                   std::string_view route,
                                   unsigned status,
                                   std::chrono::nanoseconds duration) {
  const std::lock_guard lock{mutex_};
  auto found = routes_.find(std::pair{method, route});
  if (found == routes_.end()) found = routes_.try_emplace({method, std::string{route}}).first;
  auto& counted = found->second;
  auto& statuses = counted.statuses;
  auto entry = std::find_if(
      statuses.begin(), statuses.end(), [status](const auto& one) { return one.first == status; });
  if (entry == statuses.end()) entry = statuses.insert(entry, {status, 0});
  ++entry->second;
  const auto seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  ++counted.buckets.at(static_cast<std::size_t>(bucket));
  counted.sum += duration;
}

void RequestCounters::user_seen(const std::string& sub, Uptime now) {
  constexpr std::size_t most = 10'000;
  const std::lock_guard lock{users_mutex_};
  const auto found = users_.find(sub);
  if (found != users_.end()) {
    found->second = now;
    return;
  }
  if (users_.size() >= most) {
    std::erase_if(users_, [&](const auto& user) { return now - user.second > active_for; });
  }
  if (users_.size() < most) users_.emplace(sub, now);
}

void RequestCounters::connection_refused(http::Refusal why) {
  const std::lock_guard lock{mutex_};
  ++refused_.at(static_cast<std::size_t>(why));
}

/// With the lock held.
RequestCounters::Socket& RequestCounters::socket(std::string_view route) {
  const auto found = sockets_.find(route);
  return found != sockets_.end() ? found->second : sockets_[std::string{route}];
}

void RequestCounters::socket_opened(std::string_view route) {
  const std::lock_guard lock{mutex_};
  ++socket(route).open;
}

void RequestCounters::socket_closed(std::string_view route, std::uint16_t code) {
  const std::lock_guard lock{mutex_};
  auto& counted = socket(route);
  --counted.open;
  ++counted.closed[code];
}

void RequestCounters::frames_sent(std::string_view route, std::size_t count) {
  const std::lock_guard lock{mutex_};
  socket(route).sent += count;
}

void RequestCounters::frames_dropped(std::string_view route, std::size_t count) {
  const std::lock_guard lock{mutex_};
  socket(route).dropped += count;
}

void RequestCounters::frames_replaced(std::string_view route, std::size_t count) {
  const std::lock_guard lock{mutex_};
  socket(route).replaced += count;
}

void RequestCounters::write(telemetry::Exposition& out, Uptime now) const {
  {
    const std::lock_guard lock{mutex_};
    write_requests(out);
    write_sockets(out);
  }
  write_users(out, now);
}

void RequestCounters::write_users(telemetry::Exposition& out, Uptime now) const {
  const std::lock_guard lock{users_mutex_};
  const auto active = std::count_if(users_.begin(), users_.end(), [&](const auto& user) {
    return now - user.second <= active_for;
  });
  out.family("active_users",
             "gauge",
             "Users who asked for something in the last five minutes; where nobody signs in, all "
             "are one");
  out.sample({}, static_cast<double>(active));
}

void RequestCounters::write_requests(telemetry::Exposition& out) const {
  out.family("http_requests_total", "counter", "HTTP requests");
  for (const auto& [key, route] : routes_) {
    for (const auto& [status, count] : route.statuses) {
      const auto status_text = std::to_string(status);
      out.sample({{"method", http::to_string(key.first)},
                  {"endpoint", key.second},
                  {"status", status_text}},
                 static_cast<double>(count));
    }
  }
  out.family("http_request_duration_seconds", "histogram", "Time from request to answer");
  for (const auto& [key, route] : routes_) {
    HistogramReading reading;
    reading.bounds.assign(bounds.begin(), bounds.end());
    reading.counts.assign(route.buckets.begin(), route.buckets.end());
    reading.sum_seconds = std::chrono::duration<double>(route.sum).count();
    out.histogram({{"method", http::to_string(key.first)}, {"endpoint", key.second}}, reading);
  }
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  for (const auto& [key, route] : routes_) {
    for (const auto& [status, count] : route.statuses) {
      constexpr unsigned first_failure = 500;
      answered += count;
      if (status >= first_failure) failed += count;
    }
  }
  out.family(
      "error_rate", "gauge", "Requests that we failed (5xx) of all, 0 to 100, since the start");
  if (answered > 0) {
    constexpr double percent = 100;
    out.sample({}, percent * static_cast<double>(failed) / static_cast<double>(answered));
  }
  out.family("portoser_http_connections_refused_total",
             "counter",
             "HTTP connections that were not served to their end");
  constexpr std::array<const char*, 3> reasons{"too_many", "accept_failed", "too_slow"};
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    out.sample({{"reason", reasons.at(i)}}, static_cast<double>(refused_.at(i)));
  }
  out.family("portoser_http_connections",
             "gauge",
             "Open connections of the web surface and of joining, WebSockets among them");
  out.sample({}, static_cast<double>(connections_.load()));
}

void RequestCounters::write_sockets(telemetry::Exposition& out) const {
  out.family("portoser_ws_connections", "gauge", "Open WebSockets");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}}, static_cast<double>(socket.open));
  }
  out.family("portoser_ws_messages_total", "counter", "Frames sent on WebSockets");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}, {"type", "sent"}}, static_cast<double>(socket.sent));
  }
  out.family("portoser_ws_dropped_total",
             "counter",
             "Frames that a client did not get: it was closed for being too slow, or a newer value "
             "took their place");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}, {"reason", "slow"}}, static_cast<double>(socket.dropped));
    out.sample({{"endpoint", route}, {"reason", "replaced"}}, static_cast<double>(socket.replaced));
  }
  out.family("portoser_ws_closed_total", "counter", "WebSockets that ended, by the code of it");
  for (const auto& [route, socket] : sockets_) {
    for (const auto& [code, count] : socket.closed) {
      const auto code_text = std::to_string(code);
      out.sample({{"endpoint", route}, {"code", code_text}}, static_cast<double>(count));
    }
  }
}

}  // namespace portoser::api
