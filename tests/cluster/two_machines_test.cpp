// A disk was cloned with its agent: two machines have one key.
#include "common/file.h"
#include "tests/cluster/cluster_test.h"
#include "tests/support/programs.h"

#include <filesystem>

namespace portoser::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class TwoMachines : public ClusterTest {
 protected:
  /// What carries an agent's identity, on the disk of another host.
  fs::path copy_disk() const {
    const auto copy = h2_.machine().disk() / "copy";
    fs::remove_all(copy);
    make_folder(copy, 0700);
    for (const auto* file : {"agent.key", "identity.json"}) {
      fs::copy_file(h1_.agent().data() / file, copy / file);
    }
    return copy;
  }
  [[nodiscard]] Process start_copy(const fs::path& data) const {
    return Process{{.argv = {agent_program().string(),
                             "--data",
                             data.string(),
                             "--engine-socket",
                             Host::engine_socket},
                    .log_file = data / "agent.log",
                    .within = h2_.machine().first_process()}};
  }
  [[nodiscard]] std::string reason() const {
    return controller_.row("/api/machines", "machines", h1_.name()).value("reason", "");
  }
};

TEST_F(TwoMachines, TheOlderOneStaysInForceTheOtherIsToldAndAfterwardsAllIsWell) {
  constexpr auto refused = R"(portoser_wire_hellos_refused_total{reason="cloned"})";
  const auto before = metric(refused).value_or(0);
  const auto seen = controller_.log().size();
  const auto container = h1_.container();
  h2_.agent().stop();
  const auto data = copy_disk();
  {
    const auto copy = start_copy(data);
    // All the while nothing of the copy's own is shown: its containers are not those of h1.
    await_until(
        "the copy is kept out",
        90s,
        [&] {
          EXPECT_EQ(service_of(h1_)["status"], "running");
          return metric(refused).value_or(0) > before;
        },
        [&] { return copy.log_tail() + controller_.log_tail(); });
    EXPECT_THAT(reason(), HasSubstr("a second machine uses this agent's key"));
    EXPECT_THAT(controller_.log().substr(seen),
                HasSubstr("two machines use one key; the newer is kept out"));
    await_until("the copy is told", 30s, [&] {
      return copy.log().find("reason=cloned") != std::string::npos;
    });
    EXPECT_EQ(controller_.row("/api/machines", "machines", h1_.name())["status"], "online");

    // What happens to h1 is told, and what happens where the copy lives is not.
    h2_.crash_container();
    h1_.crash_container();
    await_event(h1_, "failure");
    h1_.machine().docker({"start", container});
    await_event(h1_, "recovery");
    const auto restarted = controller_.post("/api/services/" + h1_.service() + "/restart");
    EXPECT_EQ(restarted.status, 200U) << restarted.text;
    await_event(h1_, "restart");
    EXPECT_NE(h1_.container(), container) << "the command went to the real one";
    EXPECT_TRUE(copy.running());
  }
  EXPECT_THAT(types(h1_), ElementsAre("failure", "recovery", "restart"));
  EXPECT_THAT(controller_.log().substr(seen), Not(HasSubstr("host=" + h1_.name() + " before=")));

  // The copy is gone. It is told of until the real one says hello again, or for some minutes.
  h1_.agent().stop();
  h1_.agent().start();
  controller_.await_machine(h1_.name(), "online");
  await_until("it is not told of any more", 60s, [&] { return reason().empty(); });
  h2_.agent().start();
  controller_.await_machine(h2_.name(), "online");
  controller_.await_service(h1_.service(), "running");
  await_event(h2_, "failure");
  EXPECT_THAT(types(h1_), ElementsAre("failure", "recovery", "restart"));
}

}  // namespace
}  // namespace portoser::test
