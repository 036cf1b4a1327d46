// Whoever talks to a client that ends in a way that nobody foresaw leaves nothing behind.

#include "tests/unit/api/api_fixture.h"

#include <stdexcept>

namespace portoser::api {
namespace {

/// Its connection fails in the middle, with an error that no handler knows.
class FailingSocket : public PlayedSocket {
 public:
  FailingSocket(const asio::any_io_executor& executor, std::deque<std::string> texts)
      : PlayedSocket(executor, std::move(texts)) {}

  asio::awaitable<std::optional<std::string>> receive() override {
    if (has_texts()) co_return co_await PlayedSocket::receive();
    throw std::runtime_error{"out of memory, say"};
  }
};

class SocketLeave : public ApiTest {
 protected:
  /// Talks to a client that says `text` and fails. Gone: nobody holds it any more.
  std::weak_ptr<FailingSocket> talk_to_one_that_fails(std::string_view path, std::string text) {
    http::Request request;
    request.set_target(path);
    request.wants_socket = true;
    http::Match match;
    router_.find(request, match);
    auto socket = std::make_shared<FailingSocket>(context_.get_executor(),
                                                  std::deque<std::string>{std::move(text)});
    std::exception_ptr failure;
    bool has_ended = false;
    asio::co_spawn(context_, match.endpoint->socket(socket), [&](const std::exception_ptr& ended) {
      failure = ended;
      has_ended = true;
    });
    step_until([&] { return has_ended; });
    EXPECT_TRUE(failure) << "the server closes the socket with it";
    EXPECT_FALSE(socket->frames.empty()) << "it was a client";
    return socket;
  }
};

TEST_F(SocketLeave, AClientThatFailsIsForgottenByEveryStream) {
  for (const auto& [path, text] :
       {std::pair{"/ws", R"({"action":"ping"})"},
        std::pair{"/ws/devices", R"({"action":"subscribe"})"},
        std::pair{"/api/uptime/ws", R"({"action":"subscribe"})"},
        std::pair{"/api/metrics/ws", R"({"action":"subscribe","subscriptions":["*@brick"]})"}}) {
    const auto client = talk_to_one_that_fails(path, text);
    EXPECT_TRUE(client.expired()) << path << " still sends to it";
  }
  tell_of_notes(1);
  const auto other = open_socket("/api/metrics/ws", {R"({"action":"list_subscriptions"})"});
  EXPECT_EQ(frame_of(*other, "subscriptions_list")["subscriptions"], Json::object());
}

}  // namespace
}  // namespace portoser::api
