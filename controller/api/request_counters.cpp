#include "controller/api/request_counters.h"

#include <fmt/format.h>

namespace portoser::api {

void RequestCounters::request_done(http::Method method,
                                   std::string_view route,
                                   unsigned status,
                                   std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration<double>(duration).count();
  const std::string name{route};
  const std::lock_guard lock{mutex_};
  ++requests_[{method, name, status}];
  auto& histogram = durations_[{method, name}];
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (seconds <= bounds[i]) ++histogram.buckets[i];
  }
  ++histogram.count;
  histogram.sum += seconds;
}

void RequestCounters::socket_opened(std::string_view route) {
  const std::lock_guard lock{mutex_};
  ++sockets_[std::string{route}].open;
}

void RequestCounters::socket_closed(std::string_view route) {
  const std::lock_guard lock{mutex_};
  --sockets_[std::string{route}].open;
}

void RequestCounters::frames_sent(std::string_view route, std::size_t count) {
  const std::lock_guard lock{mutex_};
  sockets_[std::string{route}].sent += count;
}

void RequestCounters::frames_dropped(std::string_view route, std::size_t count) {
  const std::lock_guard lock{mutex_};
  sockets_[std::string{route}].dropped += count;
}

void RequestCounters::write(telemetry::Exposition& out) const {
  const std::lock_guard lock{mutex_};
  out.family("http_requests_total", "counter", "HTTP requests");
  for (const auto& [key, count] : requests_) {
    const auto& [method, route, status] = key;
    const auto status_text = std::to_string(status);
    out.sample({{"method", http::to_string(method)}, {"endpoint", route}, {"status", status_text}},
               static_cast<double>(count));
  }
  out.family("http_request_duration_seconds", "histogram", "Time from request to answer");
  for (const auto& [key, histogram] : durations_) {
    const auto method = http::to_string(key.first);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const auto bound = fmt::format("{}", bounds[i]);
      out.sample({{"method", method}, {"endpoint", key.second}, {"le", bound}},
                 static_cast<double>(histogram.buckets[i]),
                 "_bucket");
    }
    out.sample({{"method", method}, {"endpoint", key.second}, {"le", "+Inf"}},
               static_cast<double>(histogram.count),
               "_bucket");
    out.sample({{"method", method}, {"endpoint", key.second}}, histogram.sum, "_sum");
    out.sample({{"method", method}, {"endpoint", key.second}},
               static_cast<double>(histogram.count),
               "_count");
  }
  out.family("portoser_ws_connections", "gauge", "Open WebSockets");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}}, static_cast<double>(socket.open));
  }
  out.family("portoser_ws_messages_total", "counter", "Frames sent on WebSockets");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}}, static_cast<double>(socket.sent));
  }
  out.family("portoser_ws_dropped_total", "counter", "Frames that a slow client did not get");
  for (const auto& [route, socket] : sockets_) {
    out.sample({{"endpoint", route}, {"reason", "slow"}}, static_cast<double>(socket.dropped));
  }
}

}  // namespace portoser::api
