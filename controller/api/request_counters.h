/// Counts requests and sockets for the Prometheus page. Called from every connection at once.
#pragma once

#include "controller/http/observers.h"
#include "controller/telemetry/exposition.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

namespace portoser::api {

class RequestCounters : public http::RequestObserver {
 public:
  void request_done(http::Method method,
                    std::string_view route,
                    unsigned status,
                    std::chrono::nanoseconds duration) override;
  void socket_opened(std::string_view route) override;
  void socket_closed(std::string_view route) override;
  void frames_sent(std::string_view route, std::size_t count) override;
  void frames_dropped(std::string_view route, std::size_t count) override;

  void write(telemetry::Exposition& out) const;

 private:
  /// Upper bounds in seconds, as existing dashboards expect them.
  static constexpr std::array<double, 8> bounds{0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10};
  struct Histogram {
    std::array<std::uint64_t, bounds.size()> buckets{};
    std::uint64_t count = 0;
    double sum = 0;
  };
  struct Socket {
    std::int64_t open = 0;
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;
  };
  using RouteKey = std::pair<http::Method, std::string>;
  using StatusKey = std::tuple<http::Method, std::string, unsigned>;

  mutable std::mutex mutex_;
  std::map<StatusKey, std::uint64_t> requests_;
  std::map<RouteKey, Histogram> durations_;
  std::map<std::string, Socket, std::less<>> sockets_;
};

}  // namespace portoser::api
