/// Many WebSocket clients of 127.0.0.1 that read all that comes, by one thread of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::test {

class SocketCrowd {
 public:
  struct Received {
    std::string text;
    std::chrono::steady_clock::time_point when;
  };

  /// Opens them, each of which says `text` (unless that is empty). A handshake that is refused is a
  /// `std::runtime_error`.
  SocketCrowd(std::uint16_t port, std::string_view target, std::size_t count, std::string text);
  SocketCrowd(const SocketCrowd&) = delete;
  SocketCrowd& operator=(const SocketCrowd&) = delete;
  ~SocketCrowd();

  [[nodiscard]] std::size_t size() const;
  /// How many the server has not ended.
  [[nodiscard]] std::size_t open() const;
  /// What the client with this number has received so far, without the frames that do not contain
  /// `part`.
  [[nodiscard]] std::vector<Received> received(std::size_t client, std::string_view part) const;
  [[nodiscard]] std::size_t count(std::size_t client, std::string_view part) const;
  /// How many frames with `part` the client has that has the fewest.
  [[nodiscard]] std::size_t fewest(std::string_view part) const;
  /// As if nothing had come so far.
  void forget();
  /// Pings of the server, of all clients.
  [[nodiscard]] std::size_t pings() const;

 private:
  struct Client;
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace portoser::test
