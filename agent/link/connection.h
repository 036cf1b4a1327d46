/// The agent's only connection to the controller. Owns the ZeroMQ socket, the durable spool of
/// events and results and the backlog of samples, on a thread of its own.
///
/// Others may, from any thread: `send`, `send_durable`, `await_flush`, `stats`. What came in
/// is told to the handlers on the executor that was given.
#pragma once

#include "agent/link/backlog.h"
#include "agent/link/link_stats.h"
#include "agent/link/sender.h"
#include "agent/link/spool.h"
#include "common/clock.h"
#include "protocol/curve.h"
#include "protocol/messages.h"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace portoser::agent::link {

struct LinkSettings {
  std::string endpoint;  ///< "tcp://10.0.0.5:8990"
  protocol::KeyPair keys;
  std::string controller_key;
  std::chrono::milliseconds heartbeat = protocol::default_heartbeat;

  /// Reconnecting: a connection that broke comes back after a random time up to `spread`, so that
  /// thousands of agents do not meet at a restarted controller; attempts that fail are spaced from
  /// `first_retry`, doubling to `longest_retry`, each shortened by up to a half at random.
  std::chrono::milliseconds first_retry{200};
  std::chrono::milliseconds longest_retry = std::chrono::seconds{10};
  std::chrono::milliseconds spread = std::chrono::seconds{3};
  std::chrono::milliseconds not_enrolled_retry = std::chrono::seconds{30};
  std::chrono::milliseconds refused_retry = std::chrono::minutes{5};
  std::chrono::milliseconds handshake_limit = std::chrono::seconds{30};
  std::chrono::milliseconds hello_repeat =
      std::chrono::seconds{2};            ///< doubling to `longest_retry`
  std::chrono::milliseconds linger{500};  ///< at `stop`, for what is on its way

  SendLimits send;
  SpoolLimits spool;
  BacklogLimits backlog;

  /// Another heartbeat; with a quicker one reconnecting is quicker in proportion, with a slower one
  /// samples that were sent are kept for longer.
  void set_pace(std::chrono::milliseconds new_heartbeat);
};

/// Called on the executor, one after the other; unset ones are skipped.
struct LinkHandlers {
  /// Sends the state and begins anew, at each connection.
  std::function<void(protocol::Welcome)> on_welcome;
  std::function<void(protocol::Assign)> on_assign;
  std::function<void(protocol::Command)> on_command;
  std::function<void(protocol::Cancel)> on_cancel;
  std::function<void(protocol::Question)> on_question;
  std::function<void(protocol::Chunk)> on_chunk;
  std::function<void(protocol::Credit)> on_credit;
  std::function<void(protocol::StreamEnd)> on_stream_end;
  std::function<void(protocol::Goodbye)> on_goodbye;
  std::function<void(ConnectionState)> on_state;
};

class Link {
 public:
  /// Connects at once. `hello` is called on the executor before each hello; the link itself fills
  /// in protocol versions, spool epoch, last sequence and the two clocks. `folder` will hold
  /// `spool/` and `backlog/`. A key that is none: `Error{invalid}`; a folder that cannot be made:
  /// `Error{internal}`.
  Link(LinkSettings settings,
       const Clock& clock,
       std::filesystem::path folder,
       boost::asio::any_io_executor executor,
       std::function<protocol::Hello()> hello,
       LinkHandlers handlers);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  /// Dropped while there is no welcome: send the newest in `on_welcome`. A newer one replaces one
  /// that still waits.
  void send(protocol::State state);
  /// Kept on disk while there is no welcome.
  void send(protocol::Sample sample);
  /// Dropped while there is no welcome.
  void send(protocol::Progress progress);
  /// Dropped while there is no welcome: who asked asks again.
  void send(protocol::Answer answer);
  /// Of streams: in this order, after all else. Dropped while there is no welcome, and when the
  /// connection is lost: `on_state` says so. Not bounded here: their windows do that.
  void send(protocol::Chunk chunk);
  void send(protocol::Credit credit);
  void send(protocol::StreamEnd end);
  /// Sent at once, written beside it, kept until acknowledged. The link sets `sequence`.
  void send_durable(protocol::Event event);
  void send_durable(protocol::CommandResult result);

  /// Waits, `limit` at most, until what was given to `send_durable` before is flushed to the disk
  /// or acknowledged. False: the disk hangs or takes nothing. Blocks, unlike all others.
  [[nodiscard]] bool await_flush(std::chrono::milliseconds limit);

  [[nodiscard]] LinkStats stats() const;

  /// Says goodbye, waits for what is on its way (`linger` at most), ends the thread. No handler is
  /// called any more, if called on the executor's thread. Called twice: nothing.
  void stop();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace portoser::agent::link
