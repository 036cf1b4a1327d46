/// A WebSocket as handlers see it.
#pragma once

#include "common/tasks.h"
#include "controller/http/call.h"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::http {

/// Frames are JSON texts. The server itself pings every 20 s and ends a socket that does not answer
/// for 60 s. A handler receives until nullopt, also when it expects nothing: that is how it learns
/// of the end. When it returns the socket is closed (1000).
class WebSocket {
 public:
  WebSocket() = default;
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;
  virtual ~WebSocket() = default;

  /// Any thread; never waits. At most 256 frames or 1 MiB wait for the client: beyond that, or when
  /// it takes nothing for 10 s, the socket is closed with 1013, since a client that misses events
  /// must start anew. Dropped when closed.
  virtual void send(std::shared_ptr<const std::string> text) = 0;
  void send(std::string text) { send(std::make_shared<const std::string>(std::move(text))); }
  /// Replaces a frame of the same key that still waits, in its place: for values whose newest is
  /// enough. The limit is 8192 keys or 8 MiB beside that of `send`. Any thread.
  virtual void send_latest(std::string_view key, std::shared_ptr<const std::string> text) = 0;

  /// For a handler that has much to tell at once: ends when little of what was sent still waits, or
  /// the socket is closed, and lets others of its executor work in any case. On the handler's own
  /// executor.
  virtual asio::awaitable<void> drained() = 0;

  /// The next text of the client (64 KiB at most; longer ones end the socket with 1009, binary ones
  /// with 1003); nullopt when the socket is closed. On the handler's own executor, one at a time.
  virtual asio::awaitable<std::optional<std::string>> receive() = 0;

  /// What was sent before is still delivered. Any thread; only the first close counts.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// True from the first close of either side on. Any thread.
  [[nodiscard]] virtual bool closed() const = 0;

  /// The request that opened the socket, with the parameters of its path. Lives as long as the
  /// socket.
  [[nodiscard]] virtual const CallContext& call() const = 0;
  [[nodiscard]] const Request& request() const { return call().request(); }
};

}  // namespace portoser::http
