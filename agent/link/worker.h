/// The link's thread: it connects, greets, receives, and lets the sender send.
#pragma once

#include "agent/link/connection.h"
#include "agent/link/outbox.h"
#include "agent/link/sender.h"
#include "agent/link/transport.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace portoser::agent::link {

class Link::Worker {
 public:
  Worker(LinkSettings settings,
         const Clock& clock,
         const std::filesystem::path& folder,
         boost::asio::any_io_executor executor,
         std::function<protocol::Hello()> hello,
         LinkHandlers handlers);
  ~Worker() { stop(); }

  Outbox& outbox() { return *outbox_; }
  LinkStats stats() const;
  void stop();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  /// What posted handlers need; they may run after the link is gone.
  struct Owner {
    std::function<protocol::Hello()> hello;
    LinkHandlers handlers;
    std::shared_ptr<Outbox> outbox;
    std::atomic<bool> is_gone{false};
    std::atomic<int> waiting{0};
  };
  struct Receiver;

  void work();
  void run();
  void turn();
  void connect_when_due(Instant now);
  void ask_for_hello_when_due(Instant now);
  void say_hello(protocol::Hello hello);
  Transport::Ready wait(Instant now);
  void see_events(Instant now);
  void see_event(TransportEvent event, Instant now);
  void receive(Instant now);
  void receive_one(const std::string& frame, Instant now);
  void give_up(ConnectionState state, milliseconds retry);
  milliseconds failed_attempt_pause();
  milliseconds after_loss_pause() { return between(settings_.first_retry, settings_.spread); }
  milliseconds between(milliseconds low, milliseconds high);
  void change(ConnectionState state);
  template <class Handler, class Value>
  void tell(Handler handler, Value value);
  void publish();

  LinkSettings settings_;
  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Outbox> outbox_ = std::make_shared<Outbox>();
  std::shared_ptr<Owner> owner_ = std::make_shared<Owner>();

  // Of the link's thread.
  LinkStats stats_;
  Spool spool_;
  Backlog backlog_;
  Transport transport_;
  Sender sender_;
  std::minstd_rand random_{std::random_device{}()};
  bool is_connected_ = false;
  bool is_stopping_ = false;
  /// While closed: when to connect. While not yet connected: when to give up.
  Instant attempt_at_{};
  int failed_attempts_ = 0;
  Instant hello_at_{};
  milliseconds hello_pause_{};

  mutable std::mutex stats_mutex_;
  LinkStats published_;
  std::thread thread_;
};

}  // namespace portoser::agent::link
