/// A systemd that says what a test tells it to, on a unix socket in a folder of its own.
#pragma once

#include "agent/systemd/wire.h"
#include "common/tasks.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace portoser::agent::systemd {

class FakeSystemd {
 public:
  explicit FakeSystemd(asio::io_context& context);
  ~FakeSystemd();
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  [[nodiscard]] std::string socket_path() const { return (folder_ / "private").string(); }
  [[nodiscard]] static std::string path_of(const std::string& name) { return "/unit/" + name; }

  /// As systemd does: what belongs to services first, then what every unit has.
  void change(const std::string& name, const Properties& service, const Properties& unit);
  void signal(Message message);
  /// It does so too when a call makes it load a unit that nobody runs.
  void tell_new(const std::string& name);
  void hang_up();
  /// Reads and says nothing any more.
  void freeze() { frozen_ = true; }

  std::map<std::string, Properties> units;
  std::string system_state = "running";
  std::string greeting = "OK 0123456789abcdef\r\n";
  std::vector<std::string> calls;  ///< "LoadUnit nginx.service"
  [[nodiscard]] std::size_t connections() const { return sockets_.size(); }

 private:
  using Socket = asio::local::stream_protocol::socket;
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(std::list<Socket>::iterator socket);
  Message answer(const Message& call);

  std::filesystem::path folder_;
  asio::io_context& context_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::list<Socket> sockets_;
  bool frozen_ = false;
};

}  // namespace portoser::agent::systemd
