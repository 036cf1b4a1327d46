#include "tests/unit/telemetry/played_store.h"

#include "common/error.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <poll.h>
#include <remote_write.pb.h>
#include <snappy.h>
#include <unistd.h>

namespace portoser::telemetry {
namespace {

std::size_t content_length(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  constexpr std::string_view name = "content-length:";
  const auto at = head.find(name);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + name.size()));
}

void write_all(int connection, const std::string& bytes) {
  [[maybe_unused]] const auto written =
      ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/// False: the other side is there still, and `pause` has passed.
bool has_left(int connection, std::chrono::milliseconds pause) {
  pollfd look{connection, POLLIN | POLLRDHUP, 0};
  return ::poll(&look, 1, static_cast<int>(pause.count())) > 0;
}

}  // namespace

std::string ReceivedSeries::label(const std::string& name) const {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

std::vector<ReceivedSeries> read_request(const std::string& body) {
  std::string plain;
  if (!snappy::Uncompress(body.data(), body.size(), &plain)) {
    throw Error{Code::invalid, "not compressed by snappy"};
  }
  remote_write::WriteRequest request;
  if (!request.ParseFromString(plain)) throw Error{Code::invalid, "no request of remote write"};
  std::vector<ReceivedSeries> all;
  for (const auto& series : request.timeseries()) {
    auto& one = all.emplace_back();
    for (const auto& label : series.labels()) one.labels.emplace_back(label.name(), label.value());
    for (const auto& sample : series.samples()) {
      one.samples.emplace_back(sample.timestamp(), sample.value());
    }
  }
  return all;
}

PlayedStore::PlayedStore() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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

PlayedStore::~PlayedStore() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends the accept
  thread_.join();
}

void PlayedStore::answer_next(Answer answer) {
  const std::lock_guard lock{mutex_};
  answers_.push_back(std::move(answer));
}

void PlayedStore::judge_by(Judge judge) {
  const std::lock_guard lock{mutex_};
  judge_ = std::move(judge);
}

std::vector<PlayedStore::Request> PlayedStore::requests() const {
  const std::lock_guard lock{mutex_};
  return requests_;
}

std::map<std::int64_t, double> PlayedStore::values(const std::string& family,
                                                   const std::string& machine,
                                                   const std::string& service) const {
  const std::lock_guard lock{mutex_};
  std::map<std::int64_t, double> values;
  for (const auto& body : taken_) {
    for (const auto& series : read_request(body)) {
      if (series.label("__name__") != family || series.label("machine") != machine ||
          series.label("service") != service) {
        continue;
      }
      for (const auto& [time, value] : series.samples) values[time] = value;
    }
  }
  return values;
}

void PlayedStore::serve() {
  for (;;) {
    const Descriptor connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection.is_open()) return;
    serve_one(connection.get());
  }
}

void PlayedStore::serve_one(int connection) {
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
  request.at = std::chrono::steady_clock::now();
  Answer given;
  {
    const std::lock_guard lock{mutex_};
    if (!answers_.empty()) {
      given = std::move(answers_.front());
      answers_.pop_front();
    } else if (judge_) {
      given.status = judge_(read_request(request.body));
    }
    if (given.manner == Manner::answer && given.status / 100 == 2) taken_.push_back(request.body);
    requests_.push_back(std::move(request));
  }
  answer(connection, given);
}

void PlayedStore::answer(int connection, const Answer& answer) {
  const auto head =
      fmt::format("HTTP/1.1 {} Test\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
                  answer.status,
                  answer.body.size(),
                  answer.headers);
  switch (answer.manner) {
    case Manner::answer:
      write_all(connection, head + answer.body);
      break;
    case Manner::hang:
      while (!has_left(connection, std::chrono::seconds{1})) {
      }
      break;
    case Manner::leave:
      write_all(connection, answer.body);
      break;
    case Manner::drip:
      write_all(connection, "HTTP/1.1 200 Test\r\nContent-Length: 100000\r\n\r\n");
      while (!has_left(connection, std::chrono::milliseconds{100})) write_all(connection, "x");
      break;
  }
}

}  // namespace portoser::telemetry
