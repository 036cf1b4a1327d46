// The real probe, against listeners on loopback.
#include "agent/deployments/program/probe.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace portoser::agent::deployments {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using testing::HasSubstr;

constexpr auto enough = 30s;

/// A port of loopback; whether anybody listens there, the test says.
class Port {
 public:
  Port() {
    const tcp::endpoint any{boost::asio::ip::address_v4::loopback(), 0};
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
  }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() {
    // Wakes whoever accepts; closing would not.
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  void listen() { acceptor_.listen(); }
  void serve(std::function<void(tcp::socket&)> serve_one) {
    listen();
    thread_ = std::thread{[this, serve_one = std::move(serve_one)] {
      for (;;) {
        boost::system::error_code failure;
        tcp::socket socket{context_};
        acceptor_.accept(socket, failure);
        if (failure) return;
        serve_one(socket);
      }
    }};
  }

  [[nodiscard]] int number() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string place() const { return fmt::format("127.0.0.1:{}", number()); }

 private:
  boost::asio::io_context context_;
  tcp::acceptor acceptor_{context_};
  std::thread thread_;
};

protocol::HealthProbe probe_of(const std::string& type, const Port& port) {
  protocol::HealthProbe probe;
  probe.type = type;
  probe.port = port.number();
  probe.timeout_ms = 30'000;
  return probe;
}

/// Answers with these statuses, one after the other, then with the last one.
class Site {
 public:
  explicit Site(std::vector<int> statuses) : statuses_(std::move(statuses)) {
    port_.serve([this](tcp::socket& socket) { answer(socket); });
  }

  [[nodiscard]] const Port& port() const { return port_; }
  /// The last one.
  [[nodiscard]] std::string request() const {
    const std::lock_guard lock{mutex_};
    return request_;
  }

 private:
  void answer(tcp::socket& socket) {
    boost::system::error_code failure;
    std::string request;
    boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n", failure);
    {
      const std::lock_guard lock{mutex_};
      request_ = std::move(request);
    }
    const auto status = statuses_.front();
    if (statuses_.size() > 1) statuses_.erase(statuses_.begin());
    const auto text = fmt::format(
        "HTTP/1.1 {} Whatever\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", status);
    boost::asio::write(socket, boost::asio::buffer(text), failure);
  }

  std::vector<int> statuses_;  // its thread's
  mutable std::mutex mutex_;   // guards the next one
  std::string request_;
  Port port_;  // last: it ends before what its thread uses
};

TEST(TcpProbe, NobodyListens) {
  const Port port;
  const auto answer = ask_probe(probe_of("tcp", port), enough);
  EXPECT_FALSE(answer.is_well);
  EXPECT_EQ(answer.text, "nothing listens on " + port.place());
}

TEST(TcpProbe, SomebodyListens) {
  Port port;
  port.listen();
  const auto answer = ask_probe(probe_of("tcp", port), enough);
  EXPECT_TRUE(answer.is_well);
  EXPECT_EQ(answer.text, port.place() + " accepts connections");
}

TEST(TcpProbe, WhoSpeaksFirstIsWell) {
  Port port;
  port.serve([](tcp::socket& socket) {
    boost::system::error_code failure;
    boost::asio::write(socket, boost::asio::buffer("220 mail\r\n", 10), failure);
  });
  EXPECT_TRUE(ask_probe(probe_of("tcp", port), enough).is_well);
}

TEST(TcpProbe, AProxyWithNobodyBehindItIsNot) {
  Port port;
  port.serve([](tcp::socket& socket) {
    boost::system::error_code failure;
    socket.close(failure);
  });
  ProbeAnswer answer{true, {}};
  // On a busy machine its thread may be late for one.
  for (int attempt = 0; attempt < 50 && answer.is_well; ++attempt) {
    answer = ask_probe(probe_of("tcp", port), enough);
  }
  EXPECT_FALSE(answer.is_well);
  EXPECT_EQ(answer.text, port.place() + " closes the connection at once");
}

TEST(TcpProbe, ANameThatIsNoneIsSaid) {
  const Port port;
  auto probe = probe_of("tcp", port);
  probe.address = "a..b";  // no server is asked for that
  const auto answer = ask_probe(probe, enough);
  EXPECT_FALSE(answer.is_well);
  EXPECT_THAT(answer.text, HasSubstr("the name a..b has no address"));
}

TEST(HttpProbe, IsWellWithTheStatusThatIsRight) {
  const Site site{{503, 200}};
  auto probe = probe_of("http", site.port());
  probe.path = "/healthz?token=secret";
  probe.status = 200;
  const auto shown = fmt::format("GET http://{}/healthz", site.port().place());
  auto answer = ask_probe(probe, enough);
  EXPECT_FALSE(answer.is_well);
  EXPECT_EQ(answer.text, shown + " answers 503; 200 is right");
  answer = ask_probe(probe, enough);
  EXPECT_TRUE(answer.is_well);
  EXPECT_EQ(answer.text, shown + " answers 200");
  EXPECT_THAT(site.request(), testing::StartsWith("GET /healthz?token=secret HTTP/1.1\r\n"));
  EXPECT_THAT(site.request(), HasSubstr(fmt::format("Host: {}\r\n", site.port().place())));
}

TEST(HttpProbe, WithoutOneEverythingBelow400IsRight) {
  const Site site{{302, 404}};
  const auto probe = probe_of("http", site.port());
  EXPECT_TRUE(ask_probe(probe, enough).is_well) << "and it was not followed";
  const auto answer = ask_probe(probe, enough);
  EXPECT_FALSE(answer.is_well);
  EXPECT_THAT(answer.text, HasSubstr("/ answers 404; less than 400 is right"));
}

TEST(HttpProbe, IsAskedAtTheAddressUnderTheName) {
  const Site site{{200}};
  auto probe = probe_of("http", site.port());
  probe.address = "127.0.0.1";
  probe.host = "notes.invalid:8090";
  EXPECT_TRUE(ask_probe(probe, enough).is_well);
  EXPECT_THAT(site.request(), HasSubstr("Host: notes.invalid:8090\r\n"));
}

TEST(HttpProbe, GoesThroughNoProxy) {
  const Port proxy;  // where nobody listens
  ASSERT_EQ(::setenv("http_proxy", ("http://" + proxy.place()).c_str(), 1), 0);
  const Site site{{200}};
  const auto answer = ask_probe(probe_of("http", site.port()), enough);
  ::unsetenv("http_proxy");
  EXPECT_TRUE(answer.is_well) << answer.text;
}

TEST(HttpProbe, WithoutAnAnswerSaysWhoWasAsked) {
  const Port port;
  auto probe = probe_of("http", port);
  probe.path = "/healthz?token=secret";
  const auto by_address = ask_probe(probe, enough);
  EXPECT_FALSE(by_address.is_well);
  EXPECT_THAT(by_address.text,
              HasSubstr(fmt::format("no answer from http://{}/healthz: ", port.place())));
  probe.host = "notes.invalid";
  const auto by_name = ask_probe(probe, enough);
  EXPECT_FALSE(by_name.is_well);
  EXPECT_THAT(by_name.text, HasSubstr("no answer from http://notes.invalid/healthz: "));
  EXPECT_THAT(by_name.text, HasSubstr(port.place()));
  for (const auto& text : {by_address.text, by_name.text}) {
    EXPECT_THAT(text, testing::Not(HasSubstr("secret")));
  }
}

TEST(HttpProbe, WhoDoesNotAnswerIsNotWaitedForLongerThanTheLimit) {
  Port port;
  port.listen();  // and accepts nobody
  auto probe = probe_of("http", port);
  EXPECT_FALSE(ask_probe(probe, 50ms).is_well);
  probe.timeout_ms = 50;
  EXPECT_FALSE(ask_probe(probe, enough).is_well);
}

TEST(Probe, OfATypeThatNobodyKnowsIsNotWell) {
  Port port;
  port.listen();
  const auto answer = ask_probe(probe_of("icmp", port), enough);
  EXPECT_FALSE(answer.is_well);
  EXPECT_THAT(answer.text, HasSubstr("\"icmp\""));
}

}  // namespace
}  // namespace portoser::agent::deployments
