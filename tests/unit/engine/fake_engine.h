/// A Docker engine that says what a test tells it to, on a unix socket in a folder of its own.
#pragma once

#include "common/tasks.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace portoser::agent::engine {

/// Bytes of an answer as they go over the wire, one write each; the connection is closed after
/// them.
struct Script {
  std::vector<std::string> writes;
  bool hold = false;  ///< keep the connection open after the last write, until the test ends
};

class FakeEngine {
 public:
  explicit FakeEngine(asio::io_context& context);
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;
  ~FakeEngine();

  [[nodiscard]] std::string socket_path() const { return (folder_ / "docker.sock").string(); }

  /// What to answer to this request line's "GET /path". Others get 404.
  void answer(const std::string& request, Script script) { scripts_[request] = std::move(script); }
  void answer(const std::string& request, unsigned status, const std::string& body);
  /// Accepts and reads, and says nothing.
  void freeze() { frozen_ = true; }

  /// Holds back the answers about single containers until this many requests wait for one.
  void gather_inspections(int requests) { wanted_ = requests; }

  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  [[nodiscard]] const std::string& last_body() const { return last_body_; }
  /// The most requests that waited for their answer side by side.
  [[nodiscard]] int most_at_once() const { return most_at_once_; }

 private:
  using Socket = asio::local::stream_protocol::socket;
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(Socket socket);

  std::filesystem::path folder_;
  asio::io_context& context_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::map<std::string, Script> scripts_;
  std::vector<std::string> requests_;
  std::string last_body_;
  bool frozen_ = false;
  int waiting_ = 0;
  int wanted_ = 0;
  asio::steady_timer gathered_{context_, asio::steady_timer::time_point::max()};
  int most_at_once_ = 0;
};

/// "HTTP/1.1 <status> ..." with a body of known length.
std::string reply_text(unsigned status, const std::string& body);
/// The header of a chunked answer, and one chunk.
std::string chunked_header();
std::string chunk(const std::string& data);

}  // namespace portoser::agent::engine
