// Deployments that cannot work: each is refused before anything stops, and a client that asks the
// running service all the time loses no answer.
#include "common/file.h"
#include "tests/integration/update_fixture.h"
#include "tests/support/free_port.h"
#include "tests/support/images.h"
#include "tests/support/small_disk.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace portoser::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Broken {
  std::string name;
  std::string text;
  std::string reason;
};

using BrokenDeployments = UpdateTest;

TEST_F(BrokenDeployments, AreRefusedBeforeAnythingStops) {
  auto& engine = PrivateEngine::shared();
  load_foreign_image(engine);
  boost::asio::io_context context;
  using Tcp = boost::asio::ip::tcp;
  const Tcp::acceptor listener{context, Tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
  const auto taken = listener.local_endpoint().port();
  const auto other_port = free_port();
  engine.docker({"run",
                 "-d",
                 "--name",
                 "holder",
                 "-p",
                 fmt::format("127.0.0.1:{}:8080", other_port),
                 "portoser-test/httpd"});
  const auto port_text = [&](int port) {
    auto changed = text();
    const auto old = fmt::format("127.0.0.1:{}:8080", port_);
    return changed.replace(changed.find(old), old.size(), fmt::format("127.0.0.1:{}:8080", port));
  };
  const std::vector<Broken> all{
      {"a port of another container", port_text(other_port), "PORT_TAKEN"},
      {"a port of a process", port_text(taken), "PORT_TAKEN"},
      {"no YAML", "services: [", "COMPOSE_INVALID"},
      {"no compose file", "services:\n  web: [1, 2]\n", "COMPOSE_INVALID"},
      {"a key that compose does not know", text("    imagine: yes\n"), "COMPOSE_INVALID"},
      {"a value that is required and missing",
       text("    environment: ['TOKEN=${TOKEN_OF_THIS_TEST:?it is needed}']\n"),
       "ENV_MISSING"},
      {"an environment file that is missing", text("    env_file: gone.env\n"), "ENV_MISSING"},
      {"an image that is nowhere", text_from("image: 127.0.0.1:1/gone:1"), "IMAGE_UNAVAILABLE"},
      {"an image of another machine",
       text_from(std::string{"image: "} + foreign_image),
       "ARCH_MISMATCH"},
      {"a network that is missing",
       text("", "networks:\n  default: {external: true, name: gone_net}\n"),
       "NETWORK_MISSING"},
      {"a volume that is missing",
       text("    volumes: ['data:/data']\n",
            "volumes:\n  data: {external: true, name: gone_vol}\n"),
       "VOLUME_MISSING"},
      {"services that need each other",
       text("    depends_on: [side]\n",
            "  side:\n    image: portoser-test/httpd\n    depends_on: [web]\n"),
       "COMPOSE_INVALID"},
      {"a service that is not there", text("    depends_on: [nobody]\n"), "COMPOSE_INVALID"},
      {"a folder to build in that is missing", text("    build: ./gone\n"), "COMPOSE_INVALID"},
      {"one port twice",
       text("",
            fmt::format(
                "  side:\n    image: portoser-test/httpd\n    ports: ['127.0.0.1:{}:8080']\n",
                port_)),
       "PORT_TAKEN"},
      {"a volume that nobody declares", text("    volumes: ['data:/data']\n"), "COMPOSE_INVALID"},
  };
  const auto before = container();
  {
    const Asker asker{port_};
    for (const auto& broken : all) {
      SCOPED_TRACE(broken.name);
      const auto checked = controller_->post("/api/services/notes/compose/validate",
                                             dump(Json{{"text", broken.text}}),
                                             {{"Content-Type", "application/json"}});
      EXPECT_EQ(checked.status, 200U) << checked.text;
      EXPECT_EQ(checked.body["valid"], false) << checked.text;
      const auto answer = put(broken.text);
      EXPECT_EQ(answer.status, 422U) << answer.text;
      EXPECT_EQ(answer.body["reason"], broken.reason) << answer.text;
      EXPECT_EQ(read_file(project_->file()), text());
      EXPECT_EQ(container(), before);
      EXPECT_EQ(newest_record()["status"], "failure");
    }
    EXPECT_GT(asker.answered(), 0);
    EXPECT_EQ(asker.lost(), 0);
  }
  engine.docker({"rm", "-f", "holder"});
}

/// So that a false `valid` above says something.
TEST_F(BrokenDeployments, OneThatIsNotBrokenIsValidAndShownAsADifference) {
  const auto wanted = text("    environment: ['GREETING=${GREETING_OF_THIS_TEST}']\n");
  const auto before = container();
  const auto checked = controller_->post("/api/services/notes/compose/validate",
                                         dump(Json{{"text", wanted}}),
                                         {{"Content-Type", "application/json"}});
  ASSERT_EQ(checked.status, 200U) << checked.text;
  EXPECT_EQ(checked.body["valid"], true) << checked.text;
  EXPECT_EQ(checked.body["revision"], compose()["revision"]);
  const auto difference = checked.body["difference"].get<std::string>();
  EXPECT_THAT(difference, StartsWith("@@ -"));
  EXPECT_THAT(difference,
              HasSubstr(fmt::format("\n     ports: ['127.0.0.1:{}:8080']\n"
                                    "+    environment: ['GREETING=${{GREETING_OF_THIS_TEST}}']\n",
                                    port_)));
  EXPECT_THAT(difference, Not(HasSubstr("\n-"))) << "nothing is taken out";
  std::vector<std::string> reasons;
  for (const auto& finding : checked.body["findings"]) {
    EXPECT_NE(finding["severity"], "error") << checked.text;
    reasons.push_back(finding["reason"]);
    if (finding["reason"] == "ENV_MISSING") {
      EXPECT_EQ(finding["severity"], "warning");
      EXPECT_EQ(finding["subject"], "GREETING_OF_THIS_TEST");
      EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("empty text"));
    }
  }
  EXPECT_THAT(reasons, Contains("ENV_MISSING")) << checked.text;
  for (const auto* check :
       {"registry", "dependencies", "host", "disk", "memory", "mounts", "images", "ports"}) {
    EXPECT_THAT(checked.body["checks"].get<std::vector<std::string>>(), Contains(check));
  }
  EXPECT_EQ(read_file(project_->file()), text()) << "it is not written";
  EXPECT_EQ(container(), before);
}

TEST_F(BrokenDeployments, AreRefusedWhereTheDiskIsFull) {
  const auto before = container();
  // It has less than a container needs to be made.
  const SmallDisk disk{project_->folder(), 32};
  project_->write(text());
  const Asker asker{port_};
  for (const auto& answer : {act("rebuild"), put(text("    environment: ['GREETING=new']\n"))}) {
    EXPECT_EQ(answer.status, 422U) << answer.text;
    EXPECT_EQ(answer.body["reason"], "DISK_FULL") << answer.text;
  }
  EXPECT_EQ(read_file(project_->file()), text());
  EXPECT_EQ(container(), before);
  EXPECT_GT(asker.answered(), 0);
  EXPECT_EQ(asker.lost(), 0);
}

TEST_F(BrokenDeployments, AServiceWhoseEntryOrHostIsWrongIsRefused) {
  const auto before = container();
  project_->write("services: [");
  const auto rebuilt = act("rebuild");
  EXPECT_EQ(rebuilt.status, 422U) << rebuilt.text;
  EXPECT_EQ(rebuilt.body["reason"], "COMPOSE_INVALID");
  EXPECT_THAT(rebuilt.text, HasSubstr("yaml.parser.ParserError")) << "compose's own words";
  EXPECT_EQ(container(), before);
  std::filesystem::remove(project_->file());
  EXPECT_EQ(act("rebuild").body["reason"], "COMPOSE_FILE_MISSING");
  EXPECT_EQ(container(), before);
  EXPECT_EQ(controller_->get("/api/services/notes/compose").status, 404U);
}

}  // namespace
}  // namespace portoser::test
