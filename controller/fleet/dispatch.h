/// Commands on their way: who waits for which, what they wrote so far. A command is repeated when its
/// host comes back; the agent's journal makes that harmless. On the fleet's executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/tasks.h"
#include "protocol/messages.h"

namespace portoser::fleet {

struct OutputLine {
  std::string step;
  std::string text;
};

class Dispatch {
 public:
  using Send = std::function<void(const std::string& host, const protocol::Command&)>;
  using OnOutput = std::function<void(std::vector<OutputLine>)>;

  explicit Dispatch(Send send) : send_(std::move(send)) {}

  /// Sends the command and waits for its result, for the command's duration and `grace` more: the agent
  /// itself ends what takes too long, so silence beyond that means that the host is away:
  /// `Error{unavailable, AGENT_LOST}`. `on_output` gets each line once, in order.
  asio::awaitable<protocol::CommandResult> run(std::string host,
                                               protocol::Command command,
                                               std::chrono::milliseconds grace,
                                               OnOutput on_output);

  void progress(const protocol::Progress& progress);
  /// False: nobody waits for it.
  bool result(const protocol::CommandResult& result);
  /// The host is back: what it has not answered is sent again. The journal there knows what it began.
  void repeat(const std::string& host);

 private:
  struct Waiting {
    std::string host;
    protocol::Command command;
    OnOutput on_output;
    std::int64_t next_line = 0;
    std::optional<protocol::CommandResult> result;
    std::unique_ptr<asio::steady_timer> wake;
  };

  Send send_;
  std::map<std::string, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace portoser::fleet
