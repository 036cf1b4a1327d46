/// Questions on their way: who waits for which answer. One that waits when its host comes back is
/// asked again, which changes nothing there. On the fleet's executor.
#pragma once

#include "common/error.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace portoser::fleet {

class Inquiries {
 public:
  using Send = std::function<void(const std::string& host, const protocol::Question&)>;

  explicit Inquiries(Send send) : send_(std::move(send)) {}

  /// Waits for as long as the question says. What the host could not tell is the error that it
  /// names; silence is `Error{unavailable}`, AGENT_SILENT.
  asio::awaitable<Bytes> ask(std::string host, protocol::Question question);

  /// From a host; what is said to another host's question is ignored.
  void answer(const std::string& host, protocol::Answer answer);
  void repeat(const std::string& host);
  /// The host will not answer any more: who waits for it gets this error.
  void abandon(const std::string& host, const Error& why);

 private:
  struct Waiting {
    std::string host;
    protocol::Question question;
    std::optional<protocol::Answer> answer;
    std::optional<Error> abandoned;
    std::unique_ptr<asio::steady_timer> wake;
  };

  Send send_;
  std::map<std::string, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace portoser::fleet
