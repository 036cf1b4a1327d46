/// Requests that name themselves with an Idempotency-Key: who sends one again gets the job that it
/// began, for a day, whatever became of the job and of the controller. Any thread.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/http/request.h"
#include "controller/jobs/jobs.h"
#include "controller/storage/key_store.h"

#include <optional>

namespace portoser::api {

class Idempotency {
 public:
  Idempotency(storage::Database& database, const Clock& clock) : store_(database), clock_(clock) {}

  /// What its header claims; none: it has none. One that is empty, or longer than 200 letters:
  /// `Error{invalid}`. A body that is no JSON object: `Error{bad_request}`.
  static std::optional<storage::KeyedRequest> claim_of(const http::Request& request);

  /// The job that the same request began, or what `beginning` begins. The key was used for another
  /// request: `Error{invalid}`, IDEMPOTENCY_KEY_REUSED. What `beginning` throws leaves the key
  /// free.
  asio::awaitable<jobs::Submitted> once(std::optional<storage::KeyedRequest> claim,
                                        asio::awaitable<jobs::Submitted> beginning);

 private:
  storage::KeyStore store_;
  const Clock& clock_;
};

}  // namespace portoser::api
