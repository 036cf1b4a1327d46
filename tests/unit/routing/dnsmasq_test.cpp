#include "agent/routing/dnsmasq.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::routing {
namespace {

TEST(Dnsmasq, IsKnownByItsNameAndItsProgram) {
  const test::TempFolder proc{"proc"};
  const auto add =
      [&](const std::string& pid, const std::string& name, const std::string& program) {
        make_folder(proc / pid);
        write_file_atomic(proc / (pid + "/comm"), name + "\n");
        std::filesystem::create_symlink(program, proc / (pid + "/exe"));
      };
  add("4", "dnsmasq", "/usr/sbin/dnsmasq");
  add("17", "dnsmasq", "/usr/sbin/dnsmasq (deleted)");
  add("18", "dnsmasq", "/bin/sh");  // a script: the signal would end it
  add("19", "dnsmasq-export", "/usr/bin/dnsmasq-exporter");
  add("self", "dnsmasq", "/usr/sbin/dnsmasq");
  make_folder(proc / "20");  // gone meanwhile
  EXPECT_THAT(dnsmasq_processes(proc.path()), testing::UnorderedElementsAre(4, 17));
  EXPECT_TRUE(dnsmasq_processes(proc / "none").empty());
}

}  // namespace
}  // namespace portoser::agent::routing
