/// What happens to a request between its bytes and its answer: request id, CORS, route, user, role,
/// handler, audit, counters. No network here. Any thread; each exchange belongs to one connection.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "controller/http/auth.h"
#include "controller/http/observers.h"
#include "controller/http/origins.h"
#include "controller/http/response.h"
#include "controller/http/router.h"

#include <optional>
#include <string>

namespace portoser::http {

/// One request under way, with what is known so far. Used again for the connection's next request.
struct Exchange {
  Request request;
  Match match;
  Response response;
  std::optional<Error> failure;  ///< behind `response`, when it is an error
  Uptime started{};

  void clear();
  [[nodiscard]] bool is_socket() const {
    return match.endpoint != nullptr && match.endpoint->socket;
  }
};

class Pipeline {
 public:
  Pipeline(Origins origins,
           Authenticator& authenticator,
           AuditSink& audit,
           RequestObserver& observer,
           const Clock& clock);

  enum class Admission {
    admitted,
    unknown_user,  ///< `authenticate` has to be asked
    answered,      ///< `exchange.response` is the answer
  };

  /// Everything that can be said from the header at once.
  Admission admit(Exchange& exchange, const Router& router) const;
  /// False: refused, and `exchange.response` says so.
  asio::awaitable<bool> authenticate(Exchange& exchange) const;
  /// Runs a handler that answers at once.
  void run_at_once(Exchange& exchange) const;
  asio::awaitable<void> run(Exchange& exchange) const;

  /// Makes the error the answer.
  void fail(Exchange& exchange, Error error) const;
  /// Audit and counters, after the answer is made. `status` is what the audit gets.
  void report(const Exchange& exchange, unsigned status, Uptime now) const;

  [[nodiscard]] const Origins& origins() const { return origins_; }
  [[nodiscard]] RequestObserver& observer() const { return observer_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  void require_route(Exchange& exchange, const Router& router) const;
  static void require_admissible(const Exchange& exchange);

  Origins origins_;
  Authenticator& authenticator_;
  AuditSink& audit_;
  RequestObserver& observer_;
  const Clock& clock_;
};

/// The template of the route, or "unmatched".
std::string_view route_name(const Exchange& exchange);

}  // namespace portoser::http
