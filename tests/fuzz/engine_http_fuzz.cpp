// Whatever an engine sends as its answer, in pieces of any size, and then hangs up: exchange()
// gives a reply or an Error, stream_lines() a refusal or an Error, and nothing else leaves them.
// The first byte chooses which (its lowest bit) and the size of a piece, the rest is what the
// engine sends. The engine is a coroutine behind a real unix socket, since http.cpp reads from
// nothing else.
#include "agent/engine/http.h"
#include "tests/fuzz/must.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <unistd.h>

namespace {

using namespace portoser;
using namespace portoser::agent;
using test::must;
using Protocol = asio::local::stream_protocol;

class PlayedEngine {
 public:
  PlayedEngine() : acceptor_(context_, Protocol::endpoint{address_}) {}

  void answer(std::string_view text, std::size_t piece, bool is_stream) {
    asio::co_spawn(context_, serve(text, piece), rethrow);
    asio::co_spawn(context_, is_stream ? follow() : ask(), rethrow);
    context_.run();
    context_.restart();
  }

 private:
  static void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  }

  asio::awaitable<void> serve(std::string_view text, std::size_t piece) {
    auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
    boost::system::error_code failure;
    std::array<char, 1024> request{};
    co_await socket.async_read_some(asio::buffer(request),
                                    asio::redirect_error(asio::use_awaitable, failure));
    while (!failure && !text.empty()) {
      const auto next = text.substr(0, piece);
      text.remove_prefix(next.size());
      co_await asio::async_write(socket,
                                 asio::buffer(next.data(), next.size()),
                                 asio::redirect_error(asio::use_awaitable, failure));
    }
  }

  asio::awaitable<void> ask() {
    engine::HttpRequest request;
    request.method = "GET";
    request.target = "/version";
    try {
      const auto reply =
          co_await engine::exchange(context_.get_executor(), address_, std::move(request));
      must(reply.status <= 999 && reply.body.size() <= (4U << 20U));
    } catch (const Error& error) {
      must(error.code() == Code::unavailable || error.code() == Code::too_large);
    }
  }

  asio::awaitable<void> follow() {
    bool is_connected = false;
    engine::LineStream stream;
    stream.target = "/events";
    stream.header_limit = std::chrono::seconds{60};
    stream.connected = [&is_connected] { is_connected = true; };
    stream.on_line = [&is_connected](std::string_view line) {
      must(is_connected && !line.empty() && line.find('\n') == std::string_view::npos);
    };
    try {
      const auto reply =
          co_await engine::stream_lines(context_.get_executor(), address_, std::move(stream));
      must(reply.status != 200 && !is_connected);
    } catch (const Error& error) {
      must(error.code() == Code::unavailable || error.code() == Code::too_large);
    }
  }

  // A name without a file: it begins with a zero byte and ends with the process.
  std::string address_ = std::string(1, '\0') + "portoser-fuzz-" + std::to_string(::getpid());
  asio::io_context context_{1};
  Protocol::acceptor acceptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static PlayedEngine engine;
  if (size == 0) return 0;
  const auto text = test::text_of(data + 1, size - 1);
  engine.answer(text, std::max<std::size_t>(data[0] / 2, 1), data[0] % 2 == 1);
  return 0;
}
