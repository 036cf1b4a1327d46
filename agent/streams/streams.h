/// Streams between programs of this host and programs of another: a program connects to a unix
/// socket and writes the stream's name and a line feed, then whatever it likes; what it writes goes
/// out in chunks, and what comes in chunks is written to it. When it shuts its writing side down,
/// that way is over; when the other side has ended, its reading side gets an end of file. A stream
/// that breaks is closed at once: its program sees an end of file too early, or cannot write.
///
/// Nothing blocks and nothing grows: of each way at most a window of chunks is under way, and a
/// program is read no further before the other one has taken them. Lives on the agent's Asio
/// thread.
#pragma once

#include "agent/streams/incoming.h"
#include "common/file.h"
#include "common/tasks.h"
#include "protocol/messages.h"

#include <boost/asio/local/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

namespace portoser::agent::streams {

struct StreamsSettings {
  std::filesystem::path socket;
  /// So long a program has to name its stream.
  std::chrono::milliseconds greeting = std::chrono::seconds{10};
  /// So long what came for a stream waits until a program takes it.
  std::chrono::milliseconds unclaimed = std::chrono::seconds{60};
  std::size_t most_unclaimed = 32;  ///< more are broken
  std::size_t most_programs = 32;   ///< more are turned away
};

class Streams {
 public:
  using Message = std::variant<protocol::Chunk, protocol::Credit, protocol::StreamEnd>;
  /// Called on the executor, at any time between `link_up` and `link_lost`. Keeps the order.
  using Send = std::function<void(Message)>;

  /// Listens as soon as the executor runs. While it cannot, it says so and tries again.
  Streams(asio::any_io_executor executor, StreamsSettings settings, Send send);

  /// The controller listens from now on. Until then programs are turned away.
  void link_up() { is_linked_ = true; }
  /// It does not any more: all streams break, and nobody is told but their programs.
  void link_lost();

  void take(protocol::Chunk chunk);
  void take(const protocol::Credit& credit);
  void take(const protocol::StreamEnd& end);

  /// Breaks all streams and lets nobody in any more. Then wait for `join` before destruction.
  void stop();
  asio::awaitable<void> join() { return tasks_.join(); }

 private:
  struct Program;
  using ProgramPointer = std::shared_ptr<Program>;
  /// A stream that no program here has opened yet.
  struct Unclaimed {
    Incoming incoming;
    std::chrono::steady_clock::time_point until;
  };

  asio::awaitable<void> listen();
  bool open_listener();
  void admit(Descriptor descriptor);
  asio::awaitable<void> greet(ProgramPointer program);
  asio::awaitable<bool> read_name(ProgramPointer program);
  void claim(const ProgramPointer& program);
  asio::awaitable<void> collect(ProgramPointer program);
  asio::awaitable<void> deliver(ProgramPointer program);
  asio::awaitable<void> expire();
  Incoming* incoming_of(const std::string& id);
  Incoming* wait_for_program(const std::string& id);
  void wake(const std::string& id);
  void finish_when_done(const ProgramPointer& program);
  void break_stream(const std::string& id, const std::string& problem);
  bool drop_all_of(const std::string& id);
  void remember_broken(const std::string& id);
  [[nodiscard]] bool is_broken(const std::string& id) const;
  static void close(Program& program);

  asio::any_io_executor executor_;
  StreamsSettings settings_;
  Send send_;
  asio::local::stream_protocol::acceptor listener_;
  bool is_linked_ = false;
  bool is_expiring_ = false;
  std::map<std::string, ProgramPointer> programs_;  ///< by stream
  std::map<std::string, Unclaimed> unclaimed_;      ///< likewise
  /// The newest that broke: what comes late for them is nothing new, and who opens one is told.
  std::deque<std::string> broken_;
  /// Each connection holds it, so it tells how many there are; some have not named their stream.
  std::shared_ptr<const char> connections_ = std::make_shared<const char>();
  TaskGroup tasks_;
};

}  // namespace portoser::agent::streams
