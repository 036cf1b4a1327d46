/// A WebSocket whose client reads when the test says so; until then its frames wait as those of a
/// real one do.
#pragma once

#include "controller/http/outbox.h"
#include "tests/unit/api/played_socket.h"

#include <boost/asio/post.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::api {

class SlowSocket : public PlayedSocket {
 public:
  SlowSocket(const asio::any_io_executor& executor, std::deque<std::string> texts)
      : PlayedSocket(executor, std::move(texts)),
        read_(executor, asio::steady_timer::time_point::max()) {}

  using PlayedSocket::send;
  void send(std::shared_ptr<const std::string> text) override { add({}, std::move(text)); }
  void send_latest(std::string_view key, std::shared_ptr<const std::string> text) override {
    add(key, std::move(text));
  }
  asio::awaitable<void> drained() override {
    co_await asio::post(read_.get_executor(), asio::use_awaitable);
    while (!closed() && !outbox_.is_drained()) {
      boost::system::error_code cancelled;
      co_await read_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }
  void hang_up() override {
    PlayedSocket::hang_up();
    read_.cancel();
  }

  /// What was read; of a fleet it is too much to take apart.
  std::vector<std::shared_ptr<const std::string>> received;

  /// As the client: the next frames, fewer when no more wait.
  std::size_t read(std::size_t most) {
    std::size_t count = 0;
    for (; count < most; ++count) {
      auto next = outbox_.next();
      if (next.kind != http::Outbox::Next::Kind::frame) break;
      received.push_back(std::move(next.text));
    }
    read_.cancel();
    return count;
  }

 private:
  void add(std::string_view key, std::shared_ptr<const std::string> text) {
    if (outbox_.add(key, std::move(text)).dropped > 0) hang_up();
  }

  http::Outbox outbox_;
  asio::steady_timer read_;
};

}  // namespace portoser::api
