// A client whose cable is pulled says no goodbye: its connections stay open on the controller's
// side alone, until the controller ends them.
#include "common/error.h"
#include "common/file.h"
#include "tests/cluster/cluster_test.h"
#include "tests/integration/process_usage.h"
#include "tests/support/wire_peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <future>
#include <sched.h>
#include <sstream>
#include <string_view>

namespace portoser::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto connections = "portoser_http_connections";

std::string sockets_of(const std::string& path) {
  return "portoser_ws_connections{endpoint=\"" + path + "\"}";
}

/// In the network of `host`, where a socket stays wherever it is used.
Descriptor socket_of(const Host& host) {
  return std::async(std::launch::async,
                    [&host] {
                      const auto path = "/proc/" + std::to_string(host.first_process()) + "/ns/net";
                      const Descriptor network{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
                      if (!network.is_open() || ::setns(network.get(), CLONE_NEWNET) != 0) {
                        throw Error{Code::internal, system_error_text("cannot enter", path)};
                      }
                      return Descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
                    })
      .get();
}

/// Connections that live, as the kernel on the controller's side sees them, from `address`.
int established_from(const std::string& address, const ControllerProcess& controller) {
  in_addr wanted{};
  ::inet_pton(AF_INET, address.c_str(), &wanted);
  const auto remote = fmt::format("{:08X}:", wanted.s_addr);
  constexpr std::string_view established = "01";
  std::istringstream lines{read_file("/proc/" + std::to_string(controller.pid()) + "/net/tcp")};
  const auto local = fmt::format(":{:04X}", controller.wire_port());
  int count = 0;
  for (std::string number, from, to, state, rest; lines >> number >> from >> to >> state;) {
    std::getline(lines, rest);
    if (from.ends_with(local) && to.starts_with(remote) && state == established) ++count;
  }
  return count;
}

class HalfOpen : public ClusterTest {
 protected:
  void SetUp() override {
    // A third to a twentieth of what users have.
    restart({{"BIND_HOST", "0.0.0.0"},
             {"PORTOSER_INSECURE_NO_AUTH", "true"},
             {"PORTOSER_HTTP_HEADER_SECONDS", "4"},
             {"PORTOSER_HTTP_BODY_SECONDS", "5"},
             {"PORTOSER_HTTP_IDLE_SECONDS", "6"},
             {"PORTOSER_HTTP_SOCKET_SILENCE_SECONDS", "6"}});
  }
  void TearDown() override {
    h1_.machine().heal();
    restart({});
  }

  void restart(Environment environment) {
    controller_.stop();
    controller_.set_environment(std::move(environment));
    controller_.start();
    controller_.set_environment({});
    for (const auto& host : cluster().hosts()) controller_.await_machine(host->name(), "online");
  }
  /// From the host whose cable will be cut. Has sent `words`.
  void open(std::uint16_t port, const std::string& words) {
    auto socket = socket_of(h1_.machine());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, Network::address_of(Network::own_port).c_str(), &address.sin_addr);
    const void* raw = &address;
    ASSERT_EQ(::connect(socket.get(), static_cast<const sockaddr*>(raw), sizeof address), 0);
    ASSERT_EQ(send_raw(socket, words), words.size());
    clients_.push_back(std::move(socket));
  }
  /// The newest client's answer has these words.
  void await_answer(const std::string& words) {
    std::string answer;
    await_until("there is an answer", 30s, [&] {
      char part[4096];
      const auto got = ::recv(clients_.back().get(), part, sizeof part, MSG_DONTWAIT);
      if (got > 0) answer.append(part, static_cast<std::size_t>(got));
      return answer.find(words) != std::string::npos;
    });
  }
  void open_socket(const std::string& path) {
    open(controller_.port(),
         "GET " + path +
             " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    await_answer("101 Switching Protocols");
  }
  [[nodiscard]] double gauge(const std::string& name) const { return metric(name).value_or(0); }

  std::vector<Descriptor> clients_;
};

constexpr auto whole = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HalfOpen, ConnectionsOfAClientWhoseCableIsCutAreEndedAndOthersGoOn) {
  const auto seen = controller_.log().size();
  SocketClient other{controller_.port(), "/api/metrics/ws"};
  other.send(R"({"action":"subscribe","subscriptions":["*@)" + h2_.name() + "\"]}");
  const auto hear_other = [&other] {
    frames_until(other,
                 [](const Json& frame) { return frame["type"] == "machine_metrics_update"; });
  };
  hear_other();
  const auto metrics_sockets = sockets_of("/api/metrics/ws");
  const auto uptime_sockets = sockets_of("/api/uptime/ws");
  const auto before = gauge(connections);
  const auto before_descriptors = open_descriptors(controller_.pid());
  EXPECT_EQ(gauge(metrics_sockets), 1);

  constexpr std::size_t of_each = 5;
  for (std::size_t i = 0; i < of_each; ++i) {
    open(controller_.port(), whole);  // keep-alive
    await_answer("200 OK");
    open(controller_.port(), "");
    open(controller_.port(), std::string{whole} + "GET /ping HT");
    await_answer("200 OK");
    open(controller_.port(),
         "POST /api/services/" + h2_.service() +
             "/restart HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
             "Content-Length: 100\r\n\r\n{\"timeout");
    open(controller_.join_port(),
         "POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{");
    open_socket("/api/uptime/ws");  // nothing is told there
    open_socket("/api/metrics/ws");
    const std::string subscription =
        R"({"action":"subscribe","subscriptions":["*@)" + h2_.name() + "\"]}";
    // Masked with zeros: a client must, and so the bytes stay what they are.
    std::string frame{"\x81"};
    frame += static_cast<char>(0x80U | subscription.size());
    frame += std::string(4, '\0') + subscription;
    ASSERT_EQ(send_raw(clients_.back(), frame), frame.size());
    await_answer("machine_metrics_update");
  }
  const auto opened = static_cast<double>(clients_.size());
  // Those that were opened first may have been ended as idle by now.
  h1_.machine().cut();
  EXPECT_GE(gauge(connections), before + opened / 2);
  EXPECT_EQ(gauge(metrics_sockets), 1 + of_each);
  EXPECT_EQ(gauge(uptime_sockets), of_each);

  // The longest limit is 6 s. Without them it would be the kernel's: a quarter of an hour, and for
  // who has nothing to send for ever.
  await_until(
      "all are ended",
      60s,
      [&] {
        hear_other();
        return gauge(connections) <= before && gauge(metrics_sockets) <= 1 &&
               gauge(uptime_sockets) <= 0;
      },
      [&] { return controller_.get("/metrics").text; });
  await_until(
      "their descriptors are given back",
      60s,
      [&] { return open_descriptors(controller_.pid()) <= before_descriptors + 2; },
      [&] { return std::to_string(open_descriptors(controller_.pid())); });
  hear_other();
  EXPECT_EQ(gauge(metrics_sockets), 1) << "the one that is well stays";
  for (const auto* host : {&h2_, &h3_}) {
    EXPECT_THAT(controller_.log().substr(seen),
                Not(HasSubstr("host=" + host->name() + " before=online")));
  }
  const auto restarted = controller_.post("/api/services/" + h2_.service() + "/restart");
  EXPECT_EQ(restarted.status, 200U) << restarted.text;
}

TEST_F(HalfOpen, TheConnectionOfAnAgentWhoseCableIsCutIsGivenBack) {
  const auto connected = [&] { return established_from(h1_.machine().address(), controller_); };
  ASSERT_EQ(connected(), 1);
  const auto before = open_descriptors(controller_.pid());
  constexpr int times = 3;
  for (int time = 0; time < times; ++time) {
    h1_.machine().cut();
    await_until("the dead connection is ended", 60s, [&] { return connected() == 0; });
    h1_.machine().heal();
    await_until("there is a new one", 60s, [&] { return connected() == 1; });
    controller_.await_machine(h1_.name(), "online");
  }
  EXPECT_LE(open_descriptors(controller_.pid()), before + 2);
}

}  // namespace
}  // namespace portoser::test
