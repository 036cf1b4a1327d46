/// One TCP connection: bytes to requests, answers to bytes. Inside controller/http only.
#pragma once

#include "controller/http/lane.h"
#include "controller/http/outgoing.h"
#include "controller/http/request_ids.h"
#include "controller/http/request_parser.h"
#include "controller/http/server_context.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace portoser::http {

/// Belongs to one thread at a time: to that of its lane while it waits for a request and answers
/// from memory, to its executor for everything that takes longer.
class Connection : public Peer, public Guest, public std::enable_shared_from_this<Connection> {
 public:
  using tcp = asio::ip::tcp;

  /// Takes the descriptor out of `socket`; from then on the connection belongs to its lane.
  Connection(tcp::socket socket,
             std::shared_ptr<ServerContext> context,
             std::shared_ptr<Listening> listening,
             std::shared_ptr<Lane> lane);
  ~Connection() override;

  /// Makes the lane watch it. Once.
  void start();

  void tick(Uptime now) override;
  void stop() override;
  void abort() override;
  void readable() override;

 private:
  static constexpr std::size_t body_read_size = 64U << 10U;
  enum class Phase { idle, reading, running, writing, upgraded };
  /// What is to be done next for the request at hand.
  enum class Step { authenticate, upgrade, body, handler, answer, rest_of_answer };
  using Action = void (Connection::*)();

  // On the lane's thread.
  void settle();
  void serve_buffered();
  bool finish_at_once(Step step);
  void leave_lane(Step step);
  bool receive();
  void end();

  // On the executor: connection_steps.cpp.
  static asio::awaitable<void> go_on(std::shared_ptr<Connection> self, Step step);
  asio::awaitable<bool> finish(Step step);
  asio::awaitable<bool> read_body();
  asio::awaitable<bool> read_more(std::size_t wanted);
  asio::awaitable<void> linger();
  void return_to_lane();

  // On either.
  void await_request(std::chrono::nanoseconds limit);
  Step admit();
  Step after_admission(bool is_admitted) const;
  bool parse();
  bool is_sound();
  void make_answer();
  void fail(Error error);
  void set_deadline(std::chrono::nanoseconds from_now);
  void do_where_it_is(Action action);
  void on_deadline();
  void end_when_idle();
  void cut();

  const asio::any_io_executor executor_;
  const std::shared_ptr<ServerContext> context_;
  const std::shared_ptr<Listening> listening_;
  const std::shared_ptr<Lane> lane_;
  tcp protocol_ = tcp::v4();
  int descriptor_ = -1;                 // while it is in the lane
  std::optional<tcp::socket> socket_;   // while it is not
  std::atomic<bool> is_in_lane_{true};  // whose it is
  boost::beast::flat_buffer buffer_;
  RequestParser parser_;
  Exchange exchange_;
  RequestIds ids_;
  HttpDate date_;
  Outgoing outgoing_;
  Phase phase_ = Phase::idle;
  bool is_complete_ = false;  // the request was read to its end
  bool keep_alive_ = false;
  bool timed_out_ = false;
  bool was_served_ = false;                // an answer was made
  bool was_too_slow_ = false;              // and it was counted
  bool is_gone_ = false;                   // the peer hung up: there is nobody to answer
  std::atomic<std::int64_t> deadline_{0};  // of the clock's uptime, in ns
};

/// Serves the connection until it ends: in `lane`, and on the executor of `socket` whatever takes
/// longer than an answer from memory.
void start_connection(asio::ip::tcp::socket socket,
                      std::shared_ptr<ServerContext> context,
                      std::shared_ptr<Listening> listening,
                      std::shared_ptr<Lane> lane);

}  // namespace portoser::http
