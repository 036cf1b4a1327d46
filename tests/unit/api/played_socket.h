/// A WebSocket whose client is the test.
#pragma once

#include "common/describe_json.h"
#include "controller/http/websocket.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace portoser::api {

/// On one executor, as the handler that runs with it.
class PlayedSocket : public http::WebSocket {
 public:
  /// The client says these texts one after the other and then listens.
  PlayedSocket(const asio::any_io_executor& executor, std::deque<std::string> texts)
      : texts_(std::move(texts)),
        hung_up_(executor, asio::steady_timer::time_point::max()),
        call_(request_, names_, values_) {}

  /// The request that opened it.
  void came_by(std::string_view target,
               std::vector<std::string> names,
               std::vector<std::string> values) {
    request_.set_target(target);
    names_ = std::move(names);
    values_ = std::move(values);
  }

  using http::WebSocket::send;
  void send(std::shared_ptr<const std::string> text) override {
    frames.push_back(Json::parse(*text));
  }
  void send_latest(std::string_view /*key*/, std::shared_ptr<const std::string> text) override {
    send(std::move(text));
  }
  asio::awaitable<void> drained() override { co_return; }
  asio::awaitable<std::optional<std::string>> receive() override {
    if (!texts_.empty()) {
      std::optional<std::string> text{std::move(texts_.front())};
      texts_.pop_front();
      co_return text;
    }
    boost::system::error_code cancelled;
    if (!closed_)
      co_await hung_up_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    co_return std::nullopt;
  }
  void close(std::uint16_t /*code*/, std::string_view /*reason*/) override { hang_up(); }
  [[nodiscard]] bool closed() const override { return closed_; }
  [[nodiscard]] const http::CallContext& call() const override { return call_; }

  virtual void hang_up() {
    closed_ = true;
    hung_up_.cancel();
  }

  [[nodiscard]] bool has_texts() const { return !texts_.empty(); }

  std::vector<Json> frames;
  bool handled = false;  ///< its handler has ended

 private:
  std::deque<std::string> texts_;
  asio::steady_timer hung_up_;
  bool closed_ = false;
  http::Request request_;
  std::vector<std::string> names_;
  std::vector<std::string> values_;
  http::CallContext call_;
};

}  // namespace portoser::api
