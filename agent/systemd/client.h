/// Questions to systemd, each on a connection of its own with a deadline. Lives on the agent's Asio
/// thread.
#pragma once

#include "agent/systemd/unit.h"
#include "common/tasks.h"

#include <chrono>
#include <string>

namespace portoser::agent::systemd {

inline constexpr auto default_socket = "/run/systemd/private";

/// Every call may end with
/// - `Error{unavailable, SYSTEMD_MISSING}`: the host runs none;
/// - `Error{unavailable, SYSTEMD_UNAVAILABLE}`: it lets nobody in, or broke off;
/// - `Error{deadline, SYSTEMD_TIMEOUT}`: no answer in time.
/// The client must outlive its calls.
class Client {
 public:
  explicit Client(asio::any_io_executor executor,
                  std::string socket_path = default_socket,
                  std::chrono::milliseconds limit = std::chrono::seconds{10});

  /// One that does not exist has the load state "not-found".
  asio::awaitable<Unit> unit(std::string name);
  /// "252.39-1~deb12u2".
  asio::awaitable<std::string> version();
  /// Whether it is on its way down, and everything with it.
  asio::awaitable<bool> is_stopping();

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

 private:
  asio::awaitable<Unit> read_unit(std::string name);
  asio::awaitable<std::string> manager_property(std::string name);
  asio::awaitable<std::string> read_manager_property(std::string name);

  asio::any_io_executor executor_;
  std::string socket_path_;
  std::chrono::milliseconds limit_;
};

}  // namespace portoser::agent::systemd
