#include "agent/inspection/native_preflight.h"

#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>
#include <map>
#include <optional>
#include <unistd.h>

namespace portoser::agent::inspection {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

/// "error PORT_TAKEN 80/tcp", one a finding.
std::vector<std::string> words_of(const protocol::PreflightReport& report) {
  std::vector<std::string> all;
  for (const auto& one : report.findings) {
    all.push_back(one.severity + " " + one.reason + " " + one.subject);
  }
  return all;
}

systemd::Unit unit_in(const std::string& state) {
  systemd::Unit unit;
  unit.name = unit.id = "ticker.service";
  unit.load_state = "loaded";
  unit.active_state = state;
  if (state != "active") return unit;
  unit.main_pid = 100;
  unit.control_group = "/system.slice/ticker.service";
  return unit;
}

/// A /proc of the test's own: who holds which socket, and where it belongs.
class NativePorts : public testing::Test {
 protected:
  void add_process(int pid, std::uint64_t inode, const std::string& cgroup) const {
    const auto process = folder_ / std::to_string(pid);
    make_folder(process / "fd");
    fs::create_symlink("socket:[" + std::to_string(inode) + "]", process / "fd/3");
    write_file_atomic(process / "comm", "squatter\n");
    write_file_atomic(process / "cgroup", "0::" + cgroup + "\n");
  }
  std::vector<std::string> found(const std::vector<Listener>& listening,
                                 const systemd::Unit& unit,
                                 const std::vector<int>& ports = {9444}) const {
    Findings findings;
    check_native_ports(ports, listening, unit, findings, folder_.path().string());
    return words_of(findings.report());
  }
  static Listener everywhere(std::uint64_t inode) { return {"tcp", 9444, true, "", inode}; }

  test::TempFolder folder_{"native-ports"};
};

TEST_F(NativePorts, OneThatAnotherProcessHoldsIsTaken) {
  add_process(7, 4711, "/system.slice/other.service");
  const std::vector listening{everywhere(4711)};
  EXPECT_THAT(found(listening, unit_in("inactive")), ElementsAre("error PORT_TAKEN 9444/tcp"));
  EXPECT_THAT(found(listening, unit_in("active")), ElementsAre("warning PORT_TAKEN 9444/tcp"));
  EXPECT_THAT(found(listening, unit_in("inactive"), {9443, 80}), IsEmpty());
  EXPECT_THAT(found({{"udp", 9444, true, "", 4711}}, unit_in("inactive")), IsEmpty());
}

TEST_F(NativePorts, OneThatTheRunningServiceHoldsIsItsOwn) {
  add_process(100, 1, "/elsewhere");
  add_process(101, 2, "/system.slice/ticker.service/worker");
  add_process(102, 3, "/lxc/host-1/system.slice/ticker.service");
  add_process(103, 4, "/system.slice/ticker.service2");
  for (const std::uint64_t inode : {1U, 2U, 3U}) {
    EXPECT_THAT(found({everywhere(inode)}, unit_in("active")), IsEmpty()) << inode;
  }
  EXPECT_THAT(found({everywhere(4)}, unit_in("active")),
              ElementsAre("warning PORT_TAKEN 9444/tcp"));
  // Without a control group and a main process nothing is its own.
  EXPECT_THAT(found({everywhere(2)}, unit_in("inactive")),
              ElementsAre("error PORT_TAKEN 9444/tcp"));
}

TEST_F(NativePorts, OneAddressMayBeFreeAndAnotherNot) {
  add_process(7, 4711, "/system.slice/other.service");
  add_process(8, 4712, "/system.slice/other.service");
  const Listener on_one{"tcp", 9444, false, "127.0.0.53", 4711};
  EXPECT_THAT(found({on_one}, unit_in("inactive")), ElementsAre("warning PORT_TAKEN 9444/tcp"));
  EXPECT_THAT(found({on_one, everywhere(4712)}, unit_in("inactive")),
              ElementsAre("error PORT_TAKEN 9444/tcp"));
}

TEST_F(NativePorts, OneOfASocketUnitIsGivenToTheService) {
  add_process(1, 4711, "/init.scope");
  EXPECT_THAT(found({everywhere(4711)}, unit_in("inactive")), IsEmpty());
}

TEST_F(NativePorts, OneWhoseHolderIsNotSeenMayBeThatOfTheRunningService) {
  EXPECT_THAT(found({everywhere(4711)}, unit_in("active")), IsEmpty());
  EXPECT_THAT(found({everywhere(4711)}, unit_in("inactive")),
              ElementsAre("error PORT_TAKEN 9444/tcp"));
}

class FakeUnits : public actions::UnitControl {
 public:
  asio::awaitable<systemd::Unit> unit(std::string name) override {
    if (away) {
      throw Error{Code::unavailable, "this host runs no systemd"}.reason("SYSTEMD_MISSING");
    }
    systemd::Unit found;
    found.name = name;
    found.load_state = "not-found";
    found.active_state = "inactive";
    if (const auto known = units.find(name); known != units.end()) found = known->second;
    co_return found;
  }
  asio::awaitable<std::string> systemd_version() override { co_return "252"; }

  std::map<std::string, systemd::Unit> units;
  bool away = false;
};

class NativePreflight : public testing::Test {
 protected:
  NativePreflight() {
    units_.units["ticker.service"] = unit_in("inactive");
    write_file_atomic(file_, "start: ./run\n");
  }
  static protocol::PreflightNative of_unit(const std::string& unit = "ticker") {
    protocol::PreflightNative asked;
    asked.target.service = "ticker";
    asked.target.unit = unit;
    asked.action = "restart";
    return asked;
  }
  [[nodiscard]] protocol::PreflightNative of_file() const {
    protocol::PreflightNative asked;
    asked.target.service = "sensor";
    asked.target.files = {(folder_ / "nowhere/service.yml").string(), file_.string()};
    asked.target.user = "root";
    asked.action = "start";
    return asked;
  }
  protocol::PreflightReport look(protocol::PreflightNative asked) {
    std::optional<protocol::PreflightReport> report;
    asio::io_context context{1};
    asio::co_spawn(context,
                   preflight_native(std::move(asked), units_),
                   [&](const std::exception_ptr& failure, protocol::PreflightReport found) {
                     if (failure) std::rethrow_exception(failure);
                     report = std::move(found);
                   });
    context.run();
    return std::move(report.value());
  }
  /// Reasons of the errors: how much room the disk has is another matter.
  std::vector<std::string> errors(const protocol::PreflightNative& asked) {
    std::vector<std::string> reasons;
    for (const auto& one : look(asked).findings) {
      if (one.severity == "error") reasons.push_back(one.reason);
    }
    return reasons;
  }

  test::TempFolder folder_{"native-preflight"};
  fs::path file_ = folder_ / "service.yml";
  FakeUnits units_;
};

TEST_F(NativePreflight, FindsNothingWrongWhereNothingIs) {
  const auto unit = look(of_unit());
  EXPECT_THAT(words_of(unit), IsEmpty());
  EXPECT_THAT(unit.checks, ElementsAre("systemd", "unit", "ports"));
  EXPECT_THAT(errors(of_file()), IsEmpty());
  EXPECT_THAT(look(of_file()).checks,
              ElementsAre("systemd", "unit", "user", "service_file", "disk", "ports"));
}

TEST_F(NativePreflight, AHostWithoutSystemdStartsNothing) {
  units_.away = true;
  EXPECT_THAT(errors(of_unit()), ElementsAre("SYSTEMD_MISSING"));
  fs::remove(file_);
  EXPECT_THAT(errors(of_file()), ElementsAre("SYSTEMD_MISSING", "SERVICE_FILE_MISSING"))
      << "what else is wrong is told with it";
}

TEST_F(NativePreflight, AUnitHasToBeThereAndToBeUsable) {
  EXPECT_THAT(errors(of_unit("tikcer")), ElementsAre("UNIT_MISSING"));
  EXPECT_THAT(errors(of_unit("two words")), ElementsAre("SERVICE_MISCONFIGURED"));
  for (const auto* state : {"masked", "bad-setting", "error"}) {
    units_.units["ticker.service"].load_state = state;
    EXPECT_THAT(errors(of_unit()), ElementsAre("ACTION_FAILED")) << state;
  }
}

TEST_F(NativePreflight, AUnitThatRunsNeedsNoStart) {
  units_.units["ticker.service"] = unit_in("active");
  auto asked = of_unit();
  EXPECT_THAT(words_of(look(asked)), IsEmpty());
  asked.action = "start";
  EXPECT_THAT(words_of(look(asked)), ElementsAre("info  ticker.service"));
}

TEST_F(NativePreflight, AServiceFileIsReadAsAStartReadsIt) {
  for (const auto* text : {"start: [\n",
                           "stop: true\n",
                           "start: ./run\nenv_file: none.env\n",
                           "start: ./run\nworking_dir: nowhere\n"}) {
    write_file_atomic(file_, text);
    EXPECT_THAT(errors(of_file()), ElementsAre("SERVICE_FILE_INVALID")) << text;
  }
  fs::remove(file_);
  EXPECT_THAT(errors(of_file()), ElementsAre("SERVICE_FILE_MISSING"));
}

TEST_F(NativePreflight, WhoRunsItHasToBeThere) {
  auto asked = of_file();
  asked.target.user = "nobody-of-this-name";
  EXPECT_THAT(errors(asked), ElementsAre("SERVICE_USER_MISSING"));
  asked.target.user.clear();
  fs::remove(file_);
  EXPECT_THAT(errors(asked), ElementsAre("SERVICE_USER_MISSING", "SERVICE_FILE_MISSING"));
}

/// On the real /proc, with this process as the one that is in the way.
TEST_F(NativePreflight, APortThatIsHeldIsSaidWithItsHolder) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_ANY);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  auto asked = of_unit();
  asked.ports = {int{ntohs(address.sin_port)}};
  const auto report = look(asked);
  ::close(socket);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].reason, "PORT_TAKEN");
  EXPECT_EQ(report.findings[0].severity, "error");
  EXPECT_THAT(report.findings[0].message, HasSubstr("pid " + std::to_string(::getpid())));
}

}  // namespace
}  // namespace portoser::agent::inspection
