#include "tests/support/dated_engine.h"

#include "common/clock.h"
#include "common/error.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <functional>
#include <poll.h>
#include <string_view>

namespace portoser::test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t true_now_ns() {
  return to_unix_us(SystemClock{}.now()) * 1000;
}

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    throw Error{Code::invalid, "too long for a socket: " + text};
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// False: the peer is gone.
bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// False at the end.
bool receive(int fd, std::string& text) {
  std::array<char, 16384> block{};
  const auto got = ::recv(fd, block.data(), block.size(), 0);
  if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
  return got > 0;
}

std::string read_to_end(int fd) {
  std::string text;
  while (receive(fd, text)) {
  }
  return text;
}

/// Up to and with the blank line; what came behind it stays in `rest`.
std::string read_head(int fd, std::string& rest) {
  constexpr std::string_view blank = "\r\n\r\n";
  for (;;) {
    if (const auto end = rest.find(blank); end != std::string::npos) {
      auto head = rest.substr(0, end + blank.size());
      rest.erase(0, head.size());
      return head;
    }
    if (!receive(fd, rest)) return {};
  }
}

/// Waits until one of them has something to read. Whether it is the first.
bool first_is_ready(int first, int second) {
  std::array<pollfd, 2> both{pollfd{first, POLLIN, 0}, pollfd{second, POLLIN, 0}};
  while (::poll(both.data(), both.size(), -1) < 0) {
  }
  return both[0].revents != 0;
}

void pass_through(int client, int engine) {
  for (;;) {
    const bool from_client = first_is_ready(client, engine);
    std::string text;
    if (!receive(from_client ? client : engine, text)) return;
    if (!send_all(from_client ? engine : client, text)) return;
  }
}

/// HTTP/1.0, so that the answer comes without chunks and ends with the connection.
std::string request_for(const std::string& path) {
  return fmt::format("GET {} HTTP/1.0\r\nHost: docker\r\n\r\n", path);
}

std::string moment(std::int64_t ns) {
  return fmt::format("{}.{:09}", ns / second_ns, ns % second_ns);
}

std::int64_t ns_from_moment(std::string_view text) {
  const auto dot = text.find('.');
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;
  std::from_chars(text.data(), text.data() + std::min(dot, text.size()), seconds);
  if (dot != std::string_view::npos) {
    std::from_chars(text.data() + dot + 1, text.data() + text.size(), fraction);
  }
  return seconds * second_ns + fraction;
}

/// The digits behind this key, as [begin, end) of the text; empty: it is not there.
std::pair<std::size_t, std::size_t> digits_of(const std::string& text, std::string_view key) {
  const auto found = text.find(key);
  if (found == std::string::npos) return {0, 0};
  const auto begin = found + key.size();
  return {begin, std::min(text.find_first_not_of("0123456789", begin), text.size())};
}

std::int64_t number_of(const std::string& text, std::string_view key) {
  const auto [begin, end] = digits_of(text, key);
  std::int64_t number = 0;
  std::from_chars(text.data() + begin, text.data() + end, number);
  return number;
}

void add_to_number(std::string& text, std::string_view key, std::int64_t by) {
  const auto [begin, end] = digits_of(text, key);
  if (end > begin) text.replace(begin, end - begin, fmt::to_string(number_of(text, key) + by));
}

/// Calls `on_line(line)` for each whole line of `text` and takes it out. False: that returned
/// false.
bool take_lines(std::string& text, const std::function<bool(std::string)>& on_line) {
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    auto line = text.substr(0, end + 1);
    text.erase(0, end + 1);
    if (!on_line(std::move(line))) return false;
  }
  return true;
}

}  // namespace

DatedEngine::DatedEngine(std::filesystem::path engine, std::filesystem::path socket)
    : engine_(std::move(engine)),
      socket_(std::move(socket)),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = address_of(socket_);
  if (::bind(listener_.get(), as_sockaddr(address), sizeof address) != 0 ||
      ::listen(listener_.get(), 64) != 0) {
    throw Error{Code::internal, system_error_text("listen at", socket_)};
  }
  acceptor_ = std::thread{[this] { accept_all(); }};
}

DatedEngine::~DatedEngine() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    for (const auto& connection : connections_) {
      if (connection.client.is_open()) ::shutdown(connection.client.get(), SHUT_RDWR);
      if (connection.engine.is_open()) ::shutdown(connection.engine.get(), SHUT_RDWR);
    }
  }
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (auto& connection : connections_) connection.thread.join();
}

void DatedEngine::set_wrong_by(std::chrono::seconds by) {
  const std::lock_guard lock{mutex_};
  steps_.push_back({true_now_ns(), std::chrono::nanoseconds{by}.count()});
}

std::int64_t DatedEngine::wrong_by_at(std::int64_t true_ns) const {
  const std::lock_guard lock{mutex_};
  std::int64_t by = steps_.empty() ? 0 : steps_.front().by_ns;
  for (const auto& step : steps_) {
    if (step.at_ns <= true_ns) by = step.by_ns;
  }
  return by;
}

Descriptor DatedEngine::connect() const {
  Descriptor out{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto address = address_of(engine_);
  if (::connect(out.get(), as_sockaddr(address), sizeof address) != 0) return Descriptor{};
  return out;
}

void DatedEngine::accept_all() {
  for (;;) {
    Descriptor client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    const std::lock_guard lock{mutex_};
    if (stopping_) return;
    if (!client.is_open()) continue;
    auto& connection = connections_.emplace_back();
    connection.client = std::move(client);
    connection.engine = connect();
    connection.thread = std::thread{[this, &connection] {
      if (connection.engine.is_open()) serve(connection);
      const std::lock_guard closing{mutex_};
      connection.client = Descriptor{};
      connection.engine = Descriptor{};
    }};
  }
}

void DatedEngine::serve(Connection& connection) {
  std::string rest;
  const auto head = read_head(connection.client.get(), rest);
  if (head.starts_with("GET ") && head.find("portoser-agent") != std::string::npos) {
    answer(connection, head);
  } else if (send_all(connection.engine.get(), head + rest)) {
    pass_through(connection.client.get(), connection.engine.get());
  }
}

void DatedEngine::answer(Connection& connection, const std::string& head) {
  auto path = head.substr(4, head.find(' ', 4) - 4);
  if (path.find("/events?") == std::string::npos) {
    if (!send_all(connection.engine.get(), request_for(path))) return;
    send_all(connection.client.get(), dated_container(read_to_end(connection.engine.get())));
    return;
  }
  Wanted wanted;
  for (const auto& [key, date] :
       {std::pair{"&until=", &wanted.until_ns}, std::pair{"&since=", &wanted.since_ns}}) {
    const auto found = path.find(key);
    if (found == std::string::npos) continue;
    *date = ns_from_moment(std::string_view{path}.substr(found + std::strlen(key)));
    path.erase(found);
  }
  wanted.path = std::move(path);
  answer_events(connection, wanted);
}

/// The true time of the newest event that is too old: as moby goes from the newest back and stops
/// at the first date before `since`.
std::int64_t DatedEngine::last_before(const Wanted& wanted) const {
  const auto engine = connect();
  send_all(engine.get(),
           request_for(
               fmt::format("{}&since={}&until={}", wanted.path, moment(1), moment(true_now_ns()))));
  auto text = read_to_end(engine.get());
  std::int64_t last = 0;
  take_lines(text, [&](const std::string& line) {
    const auto at = number_of(line, "\"timeNano\":");
    if (at > 0 && at + wrong_by_at(at) < wanted.since_ns) last = at;
    return true;
  });
  return last;
}

void DatedEngine::answer_events(Connection& connection, const Wanted& wanted) {
  const int client = connection.client.get();
  const int engine = connection.engine.get();
  const auto now = true_now_ns();
  auto path = wanted.path;
  if (wanted.since_ns > 0) path += "&since=" + moment(last_before(wanted) + 1);
  // Of a time that has not come by the wrong clock the engine tells what it has, and waits.
  const bool is_past = wanted.until_ns > 0 && wanted.until_ns <= now + wrong_by_at(now);
  if (is_past) path += "&until=" + moment(now);
  if (!send_all(engine, request_for(path))) return;
  std::string text;
  const auto head = read_head(engine, text);
  if (!send_all(client, head)) return;
  if (head.find(" 200 ") == std::string::npos) {
    pass_through(client, engine);
    return;
  }
  const auto pass_on = [&](std::string line) {
    const auto at = number_of(line, "\"timeNano\":");
    const bool is_wanted = wanted.until_ns == 0 || at + wrong_by_at(at) <= wanted.until_ns;
    return !is_wanted || send_all(client, dated_event(std::move(line)));
  };
  while (take_lines(text, pass_on)) {
    if (first_is_ready(client, engine) || !receive(engine, text)) return;
  }
}

std::string DatedEngine::dated_event(std::string line) const {
  const auto by = wrong_by_at(number_of(line, "\"timeNano\":"));
  add_to_number(line, "\"timeNano\":", by);
  add_to_number(line, "\"time\":", by / second_ns);
  return line;
}

/// A whole number of seconds moves no digit behind the point, so the text keeps its length.
std::string DatedEngine::dated_container(std::string text) const {
  constexpr std::size_t to_the_second = 19;
  for (const std::string_view key : {"\"StartedAt\":\"", "\"FinishedAt\":\""}) {
    const auto found = text.find(key);
    if (found == std::string::npos) continue;
    const auto begin = found + key.size();
    const auto time = time_from_rfc3339(text.substr(begin, text.find('"', begin) - begin));
    if (!time || to_unix_us(*time) <= 0) continue;
    const std::chrono::microseconds by{wrong_by_at(to_unix_us(*time) * 1000) / 1000};
    text.replace(begin, to_the_second, to_rfc3339(*time + by), 0, to_the_second);
  }
  return text;
}

}  // namespace portoser::test
