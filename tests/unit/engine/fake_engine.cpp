#include "tests/unit/engine/fake_engine.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace portoser::agent::engine {
namespace {

std::filesystem::path make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "engine-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
  return pattern;
}

/// A client that hangs up is not the fake's failure; anything else is the test's.
void ended(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error&) {
  } catch (const std::exception& error) {
    ADD_FAILURE() << "the fake engine failed: " << error.what();
  }
}

std::size_t content_length(const std::string& header) {
  const std::string name = "Content-Length: ";
  const auto at = header.find(name);
  return at == std::string::npos ? 0 : std::stoul(header.substr(at + name.size()));
}

}  // namespace

FakeEngine::FakeEngine(asio::io_context& context)
    : folder_(make_folder()),
      context_(context),
      acceptor_(context, asio::local::stream_protocol::endpoint{socket_path()}) {
  asio::co_spawn(context_, accept(), ended);
}

FakeEngine::~FakeEngine() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void FakeEngine::answer(const std::string& request, unsigned status, const std::string& body) {
  Script script;
  script.writes.push_back(reply_text(status, body));
  answer(request, std::move(script));
}

asio::awaitable<void> FakeEngine::accept() {
  for (;;) {
    auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
    asio::co_spawn(context_, serve(std::move(socket)), ended);
  }
}

asio::awaitable<void> FakeEngine::serve(Socket socket) {
  std::string text;
  const auto header_size = co_await asio::async_read_until(
      socket, asio::dynamic_buffer(text), "\r\n\r\n", asio::use_awaitable);
  const auto missing = header_size + content_length(text) - text.size();
  std::string body = text.substr(header_size);
  const auto held = body.size();
  body.resize(held + missing);
  co_await asio::async_read(socket, asio::buffer(body.data() + held, missing), asio::use_awaitable);
  const auto request = text.substr(0, text.find(" HTTP/1.1\r\n"));
  requests_.push_back(request);
  last_body_ = body;
  const auto known = scripts_.find(request);
  Script script;
  if (known != scripts_.end()) {
    script = known->second;
  } else {
    script.writes.push_back(reply_text(404, "{\"message\":\"page not found\"}"));
  }
  most_at_once_ = std::max(most_at_once_, ++waiting_);
  if (request.ends_with("/json")) {
    if (waiting_ < wanted_) {
      boost::system::error_code cancelled;
      co_await gathered_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    wanted_ = 0;
    gathered_.cancel();
  }
  --waiting_;
  if (!frozen_) {
    for (const auto& bytes : script.writes) {
      co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
    }
  }
  if (frozen_ || script.hold) {
    // Ends when the client hangs up.
    char byte = 0;
    co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
  }
}

std::string reply_text(unsigned status, const std::string& body) {
  return fmt::format(
      "HTTP/1.1 {} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      status,
      body.size(),
      body);
}

std::string chunked_header() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string chunk(const std::string& data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

}  // namespace portoser::agent::engine
