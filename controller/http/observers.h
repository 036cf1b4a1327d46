/// What others may learn of requests: the audit trail and the counters. Both are called on the
/// connection's thread, from many at once, and must not block or throw.
#pragma once

#include "controller/http/request.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace portoser::http {

/// Never holds a query string or a body: secrets travel there.
struct AuditEntry {
  std::string user;  ///< `sub`; empty when nobody was recognised
  std::string user_name;
  Method method = Method::get;
  std::string path;
  unsigned status =
      0;               ///< of the answer; for a socket that was refused the close code (4401, 4403)
  std::string reason;  ///< of the error; empty for a success
  std::string remote;
  std::string request_id;
  std::chrono::nanoseconds duration{};
};

/// Gets one entry for each mutating request and for each refusal (401, 403).
class AuditSink {
 public:
  AuditSink() = default;
  AuditSink(const AuditSink&) = delete;
  AuditSink& operator=(const AuditSink&) = delete;
  virtual ~AuditSink() = default;
  virtual void record(const AuditEntry& entry) = 0;
};

/// Why a connection was not served to its end.
enum class Refusal {
  too_many,       ///< the listener's limit: it was told 503
  accept_failed,  ///< no descriptor left, usually; it waits in the kernel's queue
  too_slow,       ///< it said nothing, not enough, or did not read its answer
};

/// For counters. `route` is the template ("/api/services/{service}") or "unmatched".
class RequestObserver {
 public:
  RequestObserver() = default;
  RequestObserver(const RequestObserver&) = delete;
  RequestObserver& operator=(const RequestObserver&) = delete;
  virtual ~RequestObserver() = default;
  virtual void request_done(Method method,
                            std::string_view route,
                            unsigned status,
                            std::chrono::nanoseconds duration) = 0;
  /// Somebody who was recognised asked for something; `sub` of the user, and when.
  virtual void user_seen(const std::string& /*sub*/, Uptime /*now*/) {}
  /// A TCP connection, whatever becomes of it; not one that was told 503.
  virtual void connection_opened() = 0;
  virtual void connection_closed() = 0;
  virtual void socket_opened(std::string_view route) = 0;
  /// `code`: with which it was closed; 1005 when the client gave none or one of its own, 1006 when
  /// it vanished.
  virtual void socket_closed(std::string_view route, std::uint16_t code) = 0;
  virtual void frames_sent(std::string_view route, std::size_t count) = 0;
  virtual void connection_refused(Refusal why) = 0;
  /// Frames that a client too slow for them did not get.
  virtual void frames_dropped(std::string_view route, std::size_t count) = 0;
  /// Values that a newer one took the place of before they were sent. No loss: a client that is
  /// busy gets fewer of them.
  virtual void frames_replaced(std::string_view route, std::size_t count) = 0;
};

}  // namespace portoser::http
