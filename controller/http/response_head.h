/// The header of an answer as bytes. Built once for what never changes; the rest is appended to a
/// buffer that the connection keeps.
#pragma once

#include "common/clock.h"
#include "controller/http/origins.h"
#include "controller/http/request.h"
#include "controller/http/response.h"

#include <string>
#include <string_view>

namespace portoser::http {

struct HeadSettings {
  bool hsts = false;              ///< Strict-Transport-Security (production)
  std::string connect_sources{};  ///< added to connect-src of the Content-Security-Policy
};

class ResponseHead {
 public:
  ResponseHead(const HeadSettings& settings, bool vary_by_origin);

  /// The security headers, each with its line end; also for the answer to an upgrade.
  [[nodiscard]] const std::string& fixed_lines() const { return fixed_; }

  struct Facts {
    const Request& request;
    const Response& response;
    bool is_listed_origin;
    bool keep_alive;
    Uptime duration;
    std::string_view date;  ///< as of RFC 9110, 5.6.7
  };
  /// Replaces `out` with the whole header, the blank line at its end included.
  void write(std::string& out, const Facts& facts) const;

 private:
  std::string fixed_;
};

/// "Tue, 15 Nov 1994 08:12:31 GMT"
std::string http_date(Time time);

/// The Date of answers, made again once a second. One thread at a time.
class HttpDate {
 public:
  std::string_view at(Time now);

 private:
  std::chrono::sys_seconds second_{};
  std::string text_;
};

}  // namespace portoser::http
