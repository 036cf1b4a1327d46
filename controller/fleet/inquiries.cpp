#include "controller/fleet/inquiries.h"

#include <boost/asio/redirect_error.hpp>

#include <chrono>
#include <utility>

namespace portoser::fleet {
namespace {

/// For the way there and back, beyond what the host itself takes.
constexpr std::chrono::seconds way{2};

Error silence_of(const std::string& host) {
  return Error{Code::unavailable, "the agent of \"" + host + "\" has not answered", "machine"}
      .reason("AGENT_SILENT")
      .hint("ask again; if it goes on, look at the host: its agent may hang");
}

}  // namespace

asio::awaitable<Bytes> Inquiries::ask(std::string host, protocol::Question question) {
  auto entry = std::make_shared<Waiting>();
  const std::string id = question.id;
  entry->host = host;
  entry->question = std::move(question);
  entry->wake = std::make_unique<asio::steady_timer>(
      co_await asio::this_coro::executor,
      std::chrono::milliseconds{entry->question.duration_ms} + way);
  waiting_[id] = entry;
  send_(host, entry->question);

  boost::system::error_code outcome;
  co_await entry->wake->async_wait(asio::redirect_error(asio::use_awaitable, outcome));
  waiting_.erase(id);
  if (entry->answer) {
    auto& answer = *entry->answer;
    if (answer.succeeded) co_return std::move(answer.content);
    throw Error{code_from_string(answer.code), answer.message}
        .reason(answer.reason)
        .hint(answer.hint);
  }
  if (entry->abandoned) {
    throw Error{*entry->abandoned};
  }
  if (outcome) {
    throw boost::system::system_error{outcome};  // cancelled: we are stopping
  }
  throw silence_of(host);
}

void Inquiries::answer(const std::string& host, protocol::Answer answer) {
  const auto found = waiting_.find(answer.question_id);
  if (found == waiting_.end() || found->second->host != host) return;
  found->second->answer = std::move(answer);
  found->second->wake->cancel();
}

void Inquiries::repeat(const std::string& host) {
  for (const auto& [id, entry] : waiting_) {
    if (entry->host == host && !entry->answer && !entry->abandoned) send_(host, entry->question);
  }
}

void Inquiries::abandon(const std::string& host, const Error& why) {
  for (const auto& [id, entry] : waiting_) {
    if (entry->host != host || entry->answer) continue;
    entry->abandoned = why;
    entry->wake->cancel();
  }
}

}  // namespace portoser::fleet
