/// Counts requests and sockets for the Prometheus page. Called from every connection at once.
#pragma once

#include "controller/http/observers.h"
#include "controller/telemetry/exposition.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::api {

class RequestCounters : public http::RequestObserver {
 public:
  void request_done(http::Method method,
                    std::string_view route,
                    unsigned status,
                    std::chrono::nanoseconds duration) override;
  void user_seen(const std::string& sub, Uptime now) override;
  void connection_opened() override { ++connections_; }
  void connection_closed() override { --connections_; }
  void socket_opened(std::string_view route) override;
  void socket_closed(std::string_view route, std::uint16_t code) override;
  void connection_refused(http::Refusal why) override;
  void frames_sent(std::string_view route, std::size_t count) override;
  void frames_dropped(std::string_view route, std::size_t count) override;
  void frames_replaced(std::string_view route, std::size_t count) override;

  void write(telemetry::Exposition& out, Uptime now) const;

 private:
  /// Upper bounds in seconds, as existing dashboards expect them.
  static constexpr std::array<double, 8> bounds{0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10};
  struct Route {
    std::vector<std::pair<unsigned, std::uint64_t>> statuses;  ///< requests by status
    std::array<std::uint64_t, bounds.size() + 1> buckets{};    ///< not summed up; the last: +Inf
    std::chrono::nanoseconds sum{};
  };
  struct Socket {
    std::int64_t open = 0;
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;
    std::uint64_t replaced = 0;
    std::map<std::uint16_t, std::uint64_t> closed;  ///< by code
  };
  Socket& socket(std::string_view route);
  /// Finds a route by a view of its name: a request makes no string.
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.first != b.first ? a.first < b.first
                                : std::string_view{a.second} < std::string_view{b.second};
    }
  };

  void write_requests(telemetry::Exposition& out) const;
  void write_sockets(telemetry::Exposition& out) const;
  void write_users(telemetry::Exposition& out, Uptime now) const;

  std::atomic<std::int64_t> connections_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<http::Method, std::string>, Route, Less> routes_;
  std::map<std::string, Socket, std::less<>> sockets_;
  std::array<std::uint64_t, 3> refused_{};  ///< connections, by `Refusal`
  mutable std::mutex users_mutex_;
  std::map<std::string, Uptime, std::less<>> users_;  ///< when each was seen last
};

}  // namespace portoser::api
