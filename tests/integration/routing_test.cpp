// The program portoser-routing with Debian's Caddy and dnsmasq: a request, and a question for a
// name, reach the new host after a move, and the old one before.

#include "agent/routing/parameters.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/fetch.h"
#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/free_port.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"
#include "tests/support/temp_folder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <list>
#include <optional>
#include <thread>
#include <unistd.h>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using agent::routing::Parameters;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

/// What is the same for both: the program with a folder as the agent's journal has it.
class RoutingProgram : public testing::Test {
 protected:
  CommandResult run(const std::string& step, Parameters parameters, int number = 0) const {
    const auto journal = folder_ / ("command-" + std::to_string(number));
    make_folder(journal, 0700);
    parameters.command = "01J9Z3NDEKTSV4RRFFQ69G5FAV";
    parameters.data = folder_.path();
    write_file_atomic(journal / "parameters.json", dump(to_json(parameters)));
    return run_command({(build_folder() / "agent/portoser-routing").string(), step, journal});
  }

  TempFolder folder_{"routing"};
};

/// Caddy with two servers that say who they are, "old" and "new", and one before them.
class CaddyRouting : public RoutingProgram {
 protected:
  void start(const std::string& admin = {}) {
    admin_ = admin.empty() ? fmt::format("127.0.0.1:{}", ports_) : admin;
    const auto server = [](int port, const Json& routes) {
      return Json{{"listen", {fmt::format("127.0.0.1:{}", port)}},
                  {"automatic_https", {{"disable", true}}},
                  {"routes", routes}};
    };
    const auto saying = [](const std::string& word) {
      Json handler{{"handler", "static_response"}, {"body", word}};
      return Json::array({Json{{"handle", Json::array({handler})}}});
    };
    Json routes = Json::array();
    for (const auto& name : names_) routes.push_back(route(name));
    if (!authority_.empty()) routes.push_back(encrypted_route());
    const Json config{{"admin", {{"listen", admin_}, {"config", {{"persist", false}}}}},
                      {"apps",
                       {{"http",
                         {{"servers",
                           {{"front", server(ports_ + 1, routes)},
                            {"old", server(ports_ + 2, saying("old"))},
                            {"new", server(ports_ + 3, saying("new"))}}}}}}}};
    write_file_atomic(folder_ / "caddy.json", config.dump());
    ProcessRequest request;
    request.argv = {"caddy", "run", "--config", folder_ / "caddy.json"};
    for (const auto* variable : {"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"}) {
      request.environment[variable] = folder_.path();
    }
    request.log_file = folder_ / "caddy.log";
    caddy_.emplace(std::move(request));
    await_until(
        "caddy serves",
        60s,
        [&] { return ask("old.attic.lan", 2) == "old" && ask(names_.front()) == "old"; },
        [&] { return caddy_->log_tail(); });
  }
  /// As Caddy makes it of a Caddyfile: the proxy in a route of its own below that of the name.
  [[nodiscard]] Json route(const std::string& name) const {
    const Json proxy{{"handler", "reverse_proxy"},
                     {"upstreams", Json::array({Json{{"dial", upstream(2)}}})}};
    const Json inner{{"handle", Json::array({proxy})}};
    const Json subroute{{"handler", "subroute"}, {"routes", Json::array({inner})}};
    return Json{{"match", Json::array({Json{{"host", Json::array({name})}}})},
                {"handle", Json::array({subroute})},
                {"terminal", true}};
  }
  [[nodiscard]] Json encrypted_route() const {
    const Json transport{{"protocol", "http"},
                         {"tls", {{"root_ca_pem_files", Json::array({authority_.string()})}}}};
    const Json proxy{{"handler", "reverse_proxy"},
                     {"transport", transport},
                     {"upstreams", Json::array({Json{{"dial", "127.0.0.1:1"}}})}};
    return Json{{"match", Json::array({Json{{"host", Json::array({"safe.attic.lan"})}}})},
                {"handle", Json::array({proxy})}};
  }
  [[nodiscard]] std::string upstream(int port) const {
    return fmt::format("127.0.0.1:{}", ports_ + port);
  }
  /// Empty while nobody answers.
  [[nodiscard]] std::string ask(const std::string& name, int port = 1) const {
    FetchRequest request;
    request.url = fmt::format("http://127.0.0.1:{}/", ports_ + port);
    request.headers = {"Host: " + name};
    try {
      return fetch(request).body;
    } catch (const Error&) {
      return {};
    }
  }
  [[nodiscard]] std::string config() const {
    FetchRequest request;
    request.url = fmt::format("http://127.0.0.1:{}/config/", ports_);
    return fetch(request).body;
  }
  [[nodiscard]] Parameters parameters(const std::string& name) const {
    Parameters out;
    out.caddy.hostname = name;
    out.caddy.admin_api = admin_;
    out.caddy.config_path = folder_ / "Caddyfile";
    out.caddy.old_upstream = upstream(2);
    out.caddy.new_upstream = upstream(3);
    return out;
  }
  CommandResult move(const std::string& name, int number = 0) const {
    return run("caddy", parameters(name), number);
  }

  const int ports_ = free_port(4);
  std::string admin_;
  std::vector<std::string> names_{"notes.attic.lan", "wiki.attic.lan"};
  std::filesystem::path authority_;  ///< of an upstream of another name; empty: there is none
  std::optional<Process> caddy_;
};

TEST_F(CaddyRouting, RequestsForTheNameReachTheNewHostAndOthersStay) {
  start();
  auto expected = config();
  expected.replace(expected.find(upstream(2)), upstream(2).size(), upstream(3));
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 0) << moved.output;
  EXPECT_THAT(moved.output, StartsWith("done: "));
  EXPECT_THAT(moved.output, HasSubstr("left: Caddy's routes for wiki.attic.lan still dial"));
  EXPECT_EQ(ask("notes.attic.lan"), "new");
  EXPECT_EQ(ask("wiki.attic.lan"), "old");
  EXPECT_EQ(config(), expected);
  const auto again = move("notes.attic.lan");
  EXPECT_EQ(again.exit_status, 0) << again.output;
  EXPECT_THAT(again.output, StartsWith("nothing to do: "));
}

TEST_F(CaddyRouting, MovesAtTheSameTimeDoNotUndoEachOther) {
  names_.clear();
  for (int i = 0; i < 4; ++i) names_.push_back(fmt::format("s{}.attic.lan", i));
  start();
  std::vector<CommandResult> results(names_.size());
  {
    std::list<std::jthread> at_once;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      at_once.emplace_back([&, i] { results[i] = move(names_[i], static_cast<int>(i)); });
    }
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    EXPECT_EQ(results[i].exit_status, 0) << results[i].output << caddy_->log_tail();
    EXPECT_EQ(ask(names_[i]), "new") << names_[i];
  }
}

TEST_F(CaddyRouting, AnAdminApiOnAUnixSocketIsReached) {
  start("unix/" + (folder_ / "admin.sock").string());
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 0) << moved.output;
  EXPECT_EQ(ask("notes.attic.lan"), "new");
}

TEST_F(CaddyRouting, WithoutARouteNothingChangesAndTheReasonSaysSo) {
  start();
  const auto before = config();
  const auto moved = move("other.attic.lan");
  EXPECT_EQ(moved.exit_status, 1);
  EXPECT_THAT(moved.output, MatchesRegex("hint: [^\n]+\nROUTE_NOT_FOUND: [^\n]+\n"));
  EXPECT_EQ(config(), before);
}

/// A file that the configuration names is gone: so Caddy cannot load it again, changed or not.
TEST_F(CaddyRouting, AConfigurationThatCaddyRefusesLeavesItAsItWas) {
  const auto authority = folder_ / "authority.pem";
  write_file_atomic(authority, "");
  authority_ = authority;
  start();
  std::filesystem::remove(authority);
  const auto before = config();
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 1);
  EXPECT_THAT(moved.output, HasSubstr("\nCADDY_REFUSED: "));
  EXPECT_THAT(moved.output, HasSubstr("authority.pem"));
  EXPECT_EQ(config(), before);
  EXPECT_EQ(ask("notes.attic.lan"), "old");
}

TEST_F(CaddyRouting, ACaddyThatIsNotThereIsSaid) {
  admin_ = fmt::format("127.0.0.1:{}", ports_);
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 1);
  EXPECT_THAT(moved.output, HasSubstr("\nCADDY_UNAVAILABLE: "));
}

/// dnsmasq with a hosts file of the test's own.
class DnsmasqRouting : public RoutingProgram {
 protected:
  DnsmasqRouting() {
    write("127.0.0.1 localhost\n192.0.2.21 brick notes.attic.lan # both\n192.0.2.9 wiki.attic.lan");
    ProcessRequest request;
    request.argv = {"/usr/sbin/dnsmasq",
                    "--no-daemon",
                    "--conf-file=/dev/null",
                    "--port=" + std::to_string(port_),
                    "--listen-address=127.0.0.1",
                    "--bind-interfaces",
                    "--no-resolv",
                    "--no-hosts",
                    "--addn-hosts=" + hosts().string()};
    request.log_file = folder_ / "dnsmasq.log";
    dnsmasq_.emplace(std::move(request));
    await_addresses("notes.attic.lan", {"192.0.2.21"});
  }

  [[nodiscard]] std::filesystem::path hosts() const { return folder_ / "hosts"; }
  void write(const std::string& text) const { write_file_atomic(hosts(), text); }

  /// What dnsmasq answers for the name; none: nothing comes.
  [[nodiscard]] std::optional<std::vector<std::string>> addresses(const std::string& name) const {
    std::string question{"\x07\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12};
    for (std::size_t begin = 0; begin < name.size();) {
      const auto end = std::min(name.find('.', begin), name.size());
      question += static_cast<char>(end - begin);
      question += name.substr(begin, end - begin);
      begin = end + 1;
    }
    question += std::string{"\x00\x00\x01\x00\x01", 5};  // an address, of the Internet
    const Descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(port_);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{0, 500'000};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0 ||
        ::send(socket.get(), question.data(), question.size(), 0) < 0) {
      return std::nullopt;
    }
    std::array<char, 512> answer{};
    const auto size = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (size < static_cast<ssize_t>(question.size())) return std::nullopt;
    std::vector<std::string> found;
    // Each is the name as a pointer, type, class, time to live, length and the address.
    constexpr std::size_t record = 16;
    constexpr std::size_t address_at = 12;
    const auto count = static_cast<unsigned char>(answer[7]);
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = question.size() + i * record + address_at;
      if (at + 4 > static_cast<std::size_t>(size)) break;
      std::array<char, INET_ADDRSTRLEN> text{};
      ::inet_ntop(AF_INET, answer.data() + at, text.data(), text.size());
      found.emplace_back(text.data());
    }
    return found;
  }
  void await_addresses(const std::string& name, const std::vector<std::string>& wanted) const {
    await_until(
        "dnsmasq answers for " + name,
        30s,
        [&] { return addresses(name) == wanted; },
        [&] { return dnsmasq_->log_tail(); });
  }
  CommandResult move(const std::string& name) const {
    Parameters parameters;
    parameters.hosts.path = hosts();
    parameters.hosts.hostname = name;
    parameters.hosts.old_address = "192.0.2.21";
    parameters.hosts.address = "192.0.2.22";
    return run("hosts", parameters);
  }

  const std::uint16_t port_ = free_port();
  std::optional<Process> dnsmasq_;
};

TEST_F(DnsmasqRouting, TheNameIsAtTheNewHostAndOthersStay) {
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 0) << moved.output;
  EXPECT_THAT(moved.output, MatchesRegex("done: [^\n]+\n"));
  await_addresses("notes.attic.lan", {"192.0.2.22"});
  await_addresses("brick", {"192.0.2.21"});
  await_addresses("wiki.attic.lan", {"192.0.2.9"});
  EXPECT_EQ(read_file(hosts()),
            "127.0.0.1 localhost\n192.0.2.21 brick # both\n192.0.2.22\tnotes.attic.lan\n"
            "192.0.2.9 wiki.attic.lan");
}

TEST_F(DnsmasqRouting, ANameThatWasNotServedIsServed) {
  EXPECT_THAT(addresses("fresh.attic.lan"), testing::Optional(testing::IsEmpty()));
  const auto moved = move("fresh.attic.lan");
  EXPECT_EQ(moved.exit_status, 0) << moved.output;
  await_addresses("fresh.attic.lan", {"192.0.2.22"});
}

/// The one before may have been killed between the file and the signal.
TEST_F(DnsmasqRouting, AFileThatIsRightIsReadAgain) {
  write("192.0.2.22 notes.attic.lan\n");
  const auto moved = move("notes.attic.lan");
  EXPECT_EQ(moved.exit_status, 0) << moved.output;
  EXPECT_THAT(moved.output, StartsWith("nothing to do: "));
  await_addresses("notes.attic.lan", {"192.0.2.22"});
}

TEST_F(DnsmasqRouting, ANameAtAnotherHostIsLeftAlone) {
  const auto before = read_file(hosts());
  const auto moved = move("wiki.attic.lan");
  EXPECT_EQ(moved.exit_status, 1);
  EXPECT_THAT(moved.output, HasSubstr("\nROUTE_NOT_FOUND: "));
  EXPECT_EQ(read_file(hosts()), before);
}

}  // namespace
}  // namespace portoser::test
