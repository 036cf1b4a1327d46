// The witness of moves must be able to see what it says that it never saw.
#include "tests/cluster/move_world.h"
#include "tests/support/await.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(WriterWatchTest, SeesTwoWritersAndNotOneAfterTheOther) {
  const TempFolder folder{"watch"};
  Network network{1};
  MoveHost host{network, 1, folder.path(), false};
  host.machine().power_on();
  host.machine().start_engine();
  host.machine().await_engine();
  load_ledger_image(host.machine().docker_environment());
  WriterWatch watch;
  const auto start = [&](const std::string& name) {
    const auto seen = watch.seen();
    host.machine().docker({"run", "-d", "--name", name, "--tmpfs", "/data", ledger_image});
    await_until("the witness sees it", 60s, [&] { return watch.seen() > seen; });
  };
  start("one");
  host.machine().docker({"rm", "-f", "one"});
  start("two");
  const auto looks = watch.looks();
  await_until("it has looked at the second alone", 60s, [&] { return watch.looks() > looks + 2; });
  EXPECT_THAT(watch.violations(), IsEmpty());
  start("three");
  await_until("it says so", 60s, [&] { return !watch.violations().empty(); });
  EXPECT_THAT(watch.violations(), Contains(HasSubstr("two writers lived")));
  // One that hangs is none that answers.
  host.machine().docker({"rm", "-f", "two", "three"});
  watch.freeze_on(host.name());
  start("four");
  const auto state = [&] {
    return host.machine().docker({"exec", "four", "sed", "-n", "s/^State:.//p", "/proc/1/status"});
  };
  await_until("it is stopped", 60s, [&] { return state().starts_with("T"); });
  watch.freeze_nowhere();
  await_until("it goes on", 60s, [&] { return !state().starts_with("T"); });
  host.machine().docker({"rm", "-f", "four"});
}

}  // namespace
}  // namespace portoser::test
