/// A small synchronous client for tests: HTTP with keep-alive, raw bytes, and WebSocket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
  Headers headers;

  /// The first of that name in any case; "" when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] bool has_header(std::string_view name) const;
};

/// One connection to 127.0.0.1. What goes wrong on the way is a `std::runtime_error`.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  HttpAnswer get(std::string_view target, const Headers& headers = {});
  HttpAnswer post(std::string_view target, std::string_view body, const Headers& headers = {});
  HttpAnswer request(std::string_view method,
                     std::string_view target,
                     std::string_view body = {},
                     const Headers& headers = {});

  void send_raw(std::string_view bytes);
  /// The next answer; `to_head`: of a HEAD request, which has no body.
  HttpAnswer read(bool to_head = false);
  /// The next bytes as they are; "" at the end.
  std::string read_raw();
  /// Waits for the server's next move: true when that is to close.
  bool is_closed_by_server();
  void hang_up();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// A WebSocket to 127.0.0.1. A handshake that is refused is a `std::runtime_error`.
class SocketClient {
 public:
  SocketClient(std::uint16_t port, std::string_view target, const Headers& headers = {});
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;
  ~SocketClient();

  void send(std::string_view text);
  void send_binary(std::string_view bytes);
  /// The next text; nullopt when the server closed.
  std::optional<std::string> receive();
  /// Reads until the server closes and returns its code; 1006 without a closing handshake.
  std::uint16_t await_close();
  [[nodiscard]] std::string close_reason() const;
  /// The subprotocol that the server chose.
  [[nodiscard]] std::string subprotocol() const;
  [[nodiscard]] std::size_t pings() const;
  void close();
  /// Without a closing handshake.
  void hang_up();
  /// As a crash of the client's machine is seen behind a router: RST.
  void reset();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace portoser::test
