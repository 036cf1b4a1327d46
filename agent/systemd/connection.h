/// A connection to systemd itself, over the socket that systemctl uses too: no message bus between
/// (a small host has none), every signal without asking for it. Lives on the agent's Asio thread.
#pragma once

#include "agent/systemd/wire.h"
#include "common/tasks.h"

#include <boost/asio/local/stream_protocol.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::agent::systemd {

/// Interfaces and the object of systemd.
inline constexpr auto manager_path = "/org/freedesktop/systemd1";
inline constexpr auto manager_interface = "org.freedesktop.systemd1.Manager";
inline constexpr auto properties_interface = "org.freedesktop.DBus.Properties";

class Connection {
 public:
  explicit Connection(const asio::any_io_executor& executor) : socket_(executor) {}

  /// No systemd there: `Error{unavailable, SYSTEMD_MISSING}`.
  asio::awaitable<void> open(std::string socket_path);
  /// Returns the call's serial. Does not wait: a peer that takes nothing in is
  /// `Error{unavailable}`.
  std::uint32_t send(const std::string& path,
                     const std::string& interface,
                     const std::string& member,
                     const std::string& signature = {},
                     const std::vector<std::string>& arguments = {});
  /// The next message. It ends with `Error{unavailable, SYSTEMD_UNAVAILABLE}` with the connection.
  asio::awaitable<Message> receive();
  /// The answer to that call; what comes before it is dropped. An error of systemd's: `not_found`
  /// for what it does not know, else `invalid`.
  asio::awaitable<Message> answer_to(std::uint32_t serial);

 private:
  asio::awaitable<void> read(std::size_t count);

  asio::local::stream_protocol::socket socket_;
  std::string bytes_;
  std::uint32_t serial_ = 0;
};

/// What systemd said instead of an answer.
Error error_of(const Message& message);

}  // namespace portoser::agent::systemd
