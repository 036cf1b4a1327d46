/// Commands on their way: who waits for which, what they wrote so far. A command is repeated when
/// its host comes back; the agent's journal makes that harmless. On the fleet's executor.
#pragma once

#include "common/error.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::fleet {

class Dispatch {
 public:
  using Send = std::function<void(const std::string& host, const protocol::Command&)>;
  using SendCancel = std::function<void(const std::string& host, const protocol::Cancel&)>;
  /// What is new: lines of a step; none of them when the step has only begun. A step's beginning
  /// may come again, lines never.
  using OnOutput = std::function<void(const protocol::Progress& news)>;

  Dispatch(Send send, SendCancel send_cancel)
      : send_(std::move(send)), send_cancel_(std::move(send_cancel)) {}

  /// Sends the command and waits for its result, for the command's duration and `grace` more: the
  /// agent itself ends what takes too long, so silence beyond that means that the host is away:
  /// `Error{unavailable, AGENT_LOST}`. What the host has not begun by then must not begin any more.
  /// `on_output` gets each line once, in order. `cancelled`: as by `cancel`.
  asio::awaitable<protocol::CommandResult> run(std::string host,
                                               protocol::Command command,
                                               std::chrono::milliseconds grace,
                                               OnOutput on_output,
                                               bool cancelled = false);

  /// Asks the host to end it, now and again when the host comes back.
  void cancel(const std::string& command_id);

  // From a host; what is said of another host's command is ignored.
  void progress(const std::string& host, const protocol::Progress& progress);
  /// False: nobody waits for it.
  bool result(const std::string& host, const protocol::CommandResult& result);
  /// The host is back: what it has not answered is sent again. The journal there knows what it
  /// began.
  void repeat(const std::string& host);
  /// The host will not answer any more: who waits for it gets this error.
  void abandon(const std::string& host, const Error& why);

 private:
  struct Waiting {
    std::string host;
    protocol::Command command;
    std::chrono::steady_clock::time_point ends;  ///< of the command's own duration
    OnOutput on_output;
    std::int64_t next_line = 0;
    bool cancelled = false;
    std::optional<protocol::CommandResult> result;
    std::optional<Error> abandoned;
    std::unique_ptr<asio::steady_timer> wake;
  };

  Send send_;
  SendCancel send_cancel_;
  std::map<std::string, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace portoser::fleet
