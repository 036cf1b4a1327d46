#include "tests/cluster/ledger_client.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/await.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <poll.h>
#include <sstream>
#include <utility>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

/// Between one row and the next.
constexpr auto row_pace = 20ms;
/// A row that is not acknowledged by then is asked for no more.
constexpr auto row_limit = 700ms;
constexpr auto all_rows_limit = 60s;

using Until = std::chrono::steady_clock::time_point;

bool await_ready(int socket, short what, Until until) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd watched{socket, what, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

/// Closed: it did not come about.
Descriptor connect_to(const std::string& address, std::uint16_t port, Until until) {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &peer.sin_addr);
  const void* raw = &peer;
  if (::connect(socket.get(), static_cast<const sockaddr*>(raw), sizeof peer) == 0) return socket;
  if (errno != EINPROGRESS || !await_ready(socket.get(), POLLOUT, until)) return Descriptor{};
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  return failure == 0 ? std::move(socket) : Descriptor{};
}

/// What is there ends with a line that says that it is the last one.
bool is_whole_answer(const std::string& text) {
  if (text.empty() || text.back() != '\n') return false;
  const auto before = text.rfind('\n', text.size() - 2);
  const auto last = text.substr(text.size() < 2 || before == std::string::npos ? 0 : before + 1);
  return last.starts_with("ok") || last.starts_with("end") || last.starts_with("error");
}

}  // namespace

std::optional<std::string> ask_ledger(const std::string& address,
                                      std::uint16_t port,
                                      const std::string& wish,
                                      std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  const auto socket = connect_to(address, port, until);
  if (!socket.is_open()) return std::nullopt;
  const auto line = wish + "\n";
  // Shorter than any socket's buffer.
  const auto sent = ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) return std::nullopt;
  std::string answer;
  std::array<char, std::size_t{64} << 10U> buffer{};
  while (await_ready(socket.get(), POLLIN, until)) {
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return std::nullopt;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (is_whole_answer(answer)) return answer;
  }
  return std::nullopt;
}

std::set<std::int64_t> rows_of_ledger(const std::string& address, std::uint16_t port) {
  const auto answer = ask_ledger(address, port, "all", all_rows_limit);
  if (!answer || answer->starts_with("error")) {
    throw Error{
        Code::unavailable,
        fmt::format(
            "the ledger at {} does not tell its rows: {}", address, answer.value_or("no answer"))};
  }
  std::set<std::int64_t> rows;
  std::istringstream lines{*answer};
  for (std::int64_t number = 0; lines >> number;) rows.insert(rows.end(), number);
  return rows;
}

LedgerClient::LedgerClient(std::vector<std::string> addresses, std::uint16_t port)
    : addresses_(std::move(addresses)), port_(port), thread_([this] { run(); }) {}

LedgerClient::~LedgerClient() {
  is_stopping_ = true;
  thread_.join();
}

void LedgerClient::run() {
  std::size_t preferred = 0;
  while (!is_stopping_) {
    const auto due = std::chrono::steady_clock::now() + row_pace;
    for (std::size_t i = 0; i < addresses_.size() && !is_stopping_; ++i) {
      const auto number = (preferred + i) % addresses_.size();
      if (!add_at(addresses_[number])) continue;
      preferred = number;
      break;
    }
    await_until("the next row is due", 60s, [&] {
      return is_stopping_ || std::chrono::steady_clock::now() >= due;
    });
  }
}

bool LedgerClient::add_at(const std::string& address) {
  std::int64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    number = ++asked_;
  }
  const auto answer = ask_ledger(address, port_, fmt::format("add {}", number), row_limit);
  if (!answer) return false;
  std::istringstream words{*answer};
  std::string outcome;
  std::int64_t added = 0;
  std::string writer;
  if (!(words >> outcome >> added >> writer) || outcome != "ok" || added != number) return false;
  note(number, writer, address);
  return true;
}

void LedgerClient::note(std::int64_t number,
                        const std::string& writer,
                        const std::string& address) {
  const std::lock_guard lock{mutex_};
  acknowledged_.push_back(number);
  const auto now = std::chrono::steady_clock::now();
  if (last_) {
    longest_gap_ =
        std::max(longest_gap_, std::chrono::duration_cast<std::chrono::milliseconds>(now - *last_));
  }
  last_ = now;
  address_ = address;
  if (writer == writer_) return;
  if (earlier_writers_.contains(writer)) {
    returned_writers_.push_back(fmt::format(
        "row {} was acknowledged by {} at {}, after {} had acknowledged others: two wrote",
        number,
        writer,
        address,
        writer_));
  }
  earlier_writers_.insert(writer_);
  writer_ = writer;
}

std::vector<std::int64_t> LedgerClient::acknowledged() const {
  const std::lock_guard lock{mutex_};
  return acknowledged_;
}

std::int64_t LedgerClient::newest_asked() const {
  const std::lock_guard lock{mutex_};
  return asked_;
}

std::string LedgerClient::writer() const {
  const std::lock_guard lock{mutex_};
  return writer_;
}

std::string LedgerClient::address() const {
  const std::lock_guard lock{mutex_};
  return address_;
}

std::vector<std::string> LedgerClient::returned_writers() const {
  const std::lock_guard lock{mutex_};
  return returned_writers_;
}

void LedgerClient::await_row() const {
  const auto asked = newest_asked();
  await_until("a new row is acknowledged", 120s, [&] {
    const std::lock_guard lock{mutex_};
    return !acknowledged_.empty() && acknowledged_.back() > asked;
  });
}

void LedgerClient::begin_measuring() {
  const std::lock_guard lock{mutex_};
  longest_gap_ = std::chrono::milliseconds{0};
}

std::chrono::milliseconds LedgerClient::longest_gap() const {
  const std::lock_guard lock{mutex_};
  return longest_gap_;
}

}  // namespace portoser::test
