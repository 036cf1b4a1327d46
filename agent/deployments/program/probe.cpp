#include "agent/deployments/program/probe.h"

#include "common/error.h"
#include "common/fetch.h"
#include "common/file.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <system_error>

namespace portoser::agent::deployments {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds usual_limit{5000};
/// In which a proxy that found nobody behind it closes what it accepted.
constexpr milliseconds second_thoughts{200};

struct FreeAddresses {
  void operator()(addrinfo* first) const { ::freeaddrinfo(first); }
};

std::string address_of(const protocol::HealthProbe& probe) {
  return probe.address.empty() ? "127.0.0.1" : probe.address;
}

/// As a URL has it.
std::string place_of(const protocol::HealthProbe& probe) {
  const auto address = address_of(probe);
  const bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address, probe.port)
               : fmt::format("{}:{}", address, probe.port);
}

ProbeAnswer ask_http(const protocol::HealthProbe& probe, milliseconds limit) {
  const auto* scheme = probe.is_tls ? "https" : "http";
  const auto place = place_of(probe);
  const auto path = probe.path.starts_with('/') ? probe.path : "/" + probe.path;
  FetchRequest request;
  // The name decides the Host header, and over TLS what is asked for there.
  request.url = fmt::format("{}://{}{}", scheme, probe.host.empty() ? place : probe.host, path);
  if (!probe.host.empty()) request.connect_to = place;
  request.headers = {"User-Agent: portoser"};
  request.limit = limit;
  request.is_direct = true;
  request.is_insecure = true;
  // Only the status matters.
  request.body_limit = std::size_t{64} << 10U;
  request.cut_body = true;
  const auto shown =
      fmt::format("GET {}://{}{}", scheme, place, path.substr(0, path.find_first_of("?#")));
  try {
    const std::int64_t status = fetch(request).status;
    const bool is_right = probe.status == 0 ? status < 400 : status == probe.status;
    if (is_right) return {true, fmt::format("{} answers {}", shown, status)};
    const auto right = probe.status == 0 ? "less than 400" : std::to_string(probe.status);
    return {false, fmt::format("{} answers {}; {} is right", shown, status, right)};
  } catch (const Error& error) {
    if (probe.host.empty()) return {false, error.message()};
    return {false, fmt::format("{} (asked at {})", error.message(), place)};
  }
}

/// False: the time is over.
bool await(const Descriptor& socket, short events, Steady::time_point end) {
  for (;;) {
    const auto left =
        std::max(std::chrono::ceil<milliseconds>(end - Steady::now()), milliseconds{0});
    pollfd wanted{socket.get(), events, 0};
    const int count = ::poll(&wanted, 1, static_cast<int>(left.count()));
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

std::string failure_text(const std::string& place, int error) {
  if (error == ECONNREFUSED) return "nothing listens on " + place;
  return fmt::format("{} cannot be reached: {}", place, std::generic_category().message(error));
}

/// The kernel may have picked the very port that is asked for as our own, and joined us with
/// ourselves.
bool is_joined_with_itself(const Descriptor& socket) {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_size = sizeof own;
  socklen_t peer_size = sizeof peer;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
      ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
    return false;
  }
  return own_size == peer_size && std::memcmp(&own, &peer, own_size) == 0;
}

ProbeAnswer connect_to(const addrinfo& address, const std::string& place, Steady::time_point end) {
  const Descriptor socket{
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (!socket.is_open()) return {false, failure_text(place, errno)};
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS) {
    return {false, failure_text(place, errno)};
  }
  if (!await(socket, POLLOUT, end)) return {false, place + " does not answer"};
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return {false, failure_text(place, error)};
  if (is_joined_with_itself(socket)) return {false, failure_text(place, ECONNREFUSED)};
  // Docker's proxy accepts for a container in which nothing listens, too.
  if (await(socket, POLLIN, std::min(end, Steady::now() + second_thoughts))) {
    char byte = 0;
    const auto count = ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count <= 0) return {false, place + " closes the connection at once"};
  }
  return {true, place + " accepts connections"};
}

ProbeAnswer ask_tcp(const protocol::HealthProbe& probe, milliseconds limit) {
  const auto name = address_of(probe);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(name.c_str(), std::to_string(probe.port).c_str(), &wanted, &found);
  if (failure != 0) {
    return {false, fmt::format("the name {} has no address: {}", name, ::gai_strerror(failure))};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses{found};
  const auto end = Steady::now() + limit;
  ProbeAnswer answer;
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    answer = connect_to(*address, place_of(probe), end);
    if (answer.is_well) break;
  }
  return answer;
}

}  // namespace

ProbeAnswer ask_probe(const protocol::HealthProbe& probe, milliseconds limit) {
  const milliseconds own{probe.timeout_ms};
  // For curl and for poll no time at all means something else.
  const auto lasts =
      std::max(std::min(own.count() > 0 ? own : usual_limit, limit), milliseconds{1});
  if (probe.type == "http") return ask_http(probe, lasts);
  if (probe.type == "tcp") return ask_tcp(probe, lasts);
  return {false, fmt::format("nobody here knows how to ask a service by \"{}\"", probe.type)};
}

}  // namespace portoser::agent::deployments
