#include "tests/unit/agent_identity/registration_double.h"

#include "common/error.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <unistd.h>

namespace portoser::test {
namespace {

std::size_t content_length(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  constexpr std::string_view name = "content-length:";
  const auto at = head.find(name);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + name.size()));
}

}  // namespace

RegistrationDouble::RegistrationDouble()
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 8) != 0 ||
      ::getsockname(listener_.get(), raw, &size) != 0) {
    throw Error{Code::internal, "cannot listen on loopback"};
  }
  port_ = ::ntohs(address.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

RegistrationDouble::~RegistrationDouble() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends the accept
  thread_.join();
}

void RegistrationDouble::answer_with(int status, std::string body) {
  const std::lock_guard lock{mutex_};
  status_ = status;
  body_ = std::move(body);
}

std::vector<RegistrationDouble::Request> RegistrationDouble::requests() const {
  const std::lock_guard lock{mutex_};
  return requests_;
}

void RegistrationDouble::serve() {
  for (;;) {
    const Descriptor connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection.is_open()) return;
    serve_one(connection.get());
  }
}

void RegistrationDouble::serve_one(int connection) {
  Request request;
  std::string received;
  std::array<char, 4096> block{};
  for (;;) {
    const auto end = received.find("\r\n\r\n");
    if (end != std::string::npos) {
      request.head = received.substr(0, end + 2);
      request.body = received.substr(end + 4);
      if (request.body.size() >= content_length(request.head)) break;
    }
    const auto got = ::read(connection, block.data(), block.size());
    if (got <= 0) return;
    received.append(block.data(), static_cast<std::size_t>(got));
  }
  std::string answer;
  {
    const std::lock_guard lock{mutex_};
    requests_.push_back(std::move(request));
    answer = fmt::format(
        "HTTP/1.1 {} Test\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
        "Connection: close\r\n\r\n{}",
        status_,
        body_.size(),
        body_);
  }
  [[maybe_unused]] const auto written = ::write(connection, answer.data(), answer.size());
}

}  // namespace portoser::test
