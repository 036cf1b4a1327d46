#include "agent/systemd/unit.h"

#include "common/error.h"

#include <gtest/gtest.h>

#include <csignal>

namespace portoser::agent::systemd {
namespace {

TEST(Unit, AServiceNamesItsUnitOrGetsOneOfItsOwn) {
  EXPECT_EQ(unit_name("web", "nginx"), "nginx.service");
  EXPECT_EQ(unit_name("web", "nginx.service"), "nginx.service");
  EXPECT_EQ(unit_name("web", "backup.timer"), "backup.timer");
  EXPECT_EQ(unit_name("db", "postgresql@15-main"), "postgresql@15-main.service");
  EXPECT_EQ(unit_name("sensor", ""), "portoser-sensor.service");
  EXPECT_EQ(unit_name("sensor.2", ""), "portoser-sensor.2.service");
}

TEST(Unit, NoNameReachesPortosersOwnProgramsOrAnOption) {
  for (const auto* service : {"agent", "controller"}) {
    EXPECT_THROW(unit_name(service, ""), Error) << service;
  }
  for (const auto* unit : {"-x", "--now", "a b", "a/b", "a;b", "a\nb", "a*", ".service", "@x"}) {
    EXPECT_THROW(unit_name("web", unit), Error) << unit;
  }
  EXPECT_THROW(unit_name("web", std::string(250, 'a')), Error);
}

TEST(Unit, ADeadMainProcessIsNoService) {
  Unit unit;
  unit.active_state = "active";
  unit.sub_state = "running";
  unit.result = "success";
  unit.main_pid = 4711;
  EXPECT_TRUE(unit.is_up());
  unit.main_pid = 0;
  unit.exit_kind = CLD_EXITED;
  EXPECT_TRUE(unit.is_up()) << "its command left its work to another process";
  unit.exit_kind = CLD_KILLED;
  unit.exit_status = SIGKILL;
  unit.result = "signal";
  EXPECT_FALSE(unit.is_up());
  EXPECT_EQ(unit.exit_code(), 137);
}

}  // namespace
}  // namespace portoser::agent::systemd
