#include "controller/api/idempotency.h"

#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/http/router.h"

#include <exception>
#include <string>
#include <utility>

namespace portoser::api {

std::optional<storage::KeyedRequest> Idempotency::claim_of(const http::Request& request) {
  constexpr std::size_t longest = 200;
  const auto key = request.header("Idempotency-Key");
  if (!key) return std::nullopt;
  if (key->empty() || key->size() > longest) {
    throw Error{Code::invalid, "an Idempotency-Key has 1 to 200 letters", "header.Idempotency-Key"};
  }
  // The order of its members and its blanks say nothing.
  const auto body = nlohmann::json::parse(dump(http::parse_object_body(request.body)));
  const auto asked = std::string{http::to_string(request.method)} + " " +
                     std::string{request.raw_path()} + "\n" + body.dump();
  return storage::KeyedRequest{request.user->sub, std::string{*key}, to_hex(sha256(asked))};
}

asio::awaitable<jobs::Submitted> Idempotency::once(std::optional<storage::KeyedRequest> claim,
                                                   asio::awaitable<jobs::Submitted> beginning) {
  if (!claim) co_return co_await std::move(beginning);
  auto claiming = store_.claim(*claim, clock_.now());
  const auto known = co_await std::move(claiming);
  if (known) co_return jobs::Submitted{*known, true};
  std::optional<jobs::Submitted> begun;
  std::exception_ptr refusal;
  try {
    begun = co_await std::move(beginning);
  } catch (...) {
    refusal = std::current_exception();
  }
  // What became of the request is told, whether or not the key can be noted.
  std::optional<Error> failed;
  try {
    auto noting = begun ? store_.note_job(*claim, begun->id, clock_.now()) : store_.release(*claim);
    co_await std::move(noting);
  } catch (const Error& error) {
    failed = error;
  }
  if (failed) {
    log::warn("api", "an Idempotency-Key could not be noted", {{"reason", failed->what()}});
  }
  if (refusal) std::rethrow_exception(refusal);
  co_return std::move(*begun);
}

}  // namespace portoser::api
