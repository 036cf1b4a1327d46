#include "agent/actions/service_file.h"

#include "common/error.h"
#include "tests/unit/actions/fixture.h"

#include <gmock/gmock.h>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServiceFileTest : public testing::Test {
 protected:
  ServiceFileTest() { make_folder(folder_ / "sensor"); }

  void write(const std::string& text) const {
    write_file_atomic(folder_ / "sensor/service.yml", text);
  }
  [[nodiscard]] ServiceFile read(const std::string& working_dir = {}) const {
    return read_service_file(
        "sensor", {(folder_ / "none/service.yml").string(), path()}, working_dir);
  }
  [[nodiscard]] std::vector<std::string> dependencies() const {
    std::vector<std::string> names;
    for (const auto& one : dependencies_in_service_file(path())) {
      names.push_back(one.is_optional ? one.name + "?" : one.name);
    }
    return names;
  }
  [[nodiscard]] std::string path() const { return (folder_ / "sensor/service.yml").string(); }
  [[nodiscard]] Error refusal() const {
    try {
      static_cast<void>(read());
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "the file was taken";
    return Error{Code::internal, ""};
  }

  TempFolder folder_;
};

TEST_F(ServiceFileTest, TellsHowTheServiceIsStartedStoppedAndRestarted) {
  write_file_atomic(folder_ / "sensor/.env", "PORT=9444\n");
  write(
      "name: sensor\nport: 9444\nstart: uv run python app.py\nstop: pkill -f sensor/app.py\n"
      "restart: kill -HUP 1\nenv_file: .env\n");
  const auto file = read();
  EXPECT_EQ(file.path, path());
  EXPECT_EQ(file.start, "uv run python app.py");
  EXPECT_EQ(file.stop, "pkill -f sensor/app.py");
  EXPECT_EQ(file.restart, "kill -HUP 1");
  EXPECT_EQ(file.env_file, (folder_ / "sensor/.env").string());
  EXPECT_EQ(file.working_dir, (folder_ / "sensor").string());
}

TEST_F(ServiceFileTest, TheRegistrysFolderCountsMoreThanItsOwn) {
  make_folder(folder_ / "elsewhere");
  make_folder(folder_ / "sensor/sub");
  write("start: ./run\nworking_dir: sub\n");
  EXPECT_THAT(read().working_dir, HasSubstr("/sensor/sub"));
  EXPECT_THAT(read((folder_ / "elsewhere").string()).working_dir, HasSubstr("/elsewhere"));
}

TEST_F(ServiceFileTest, DependenciesAreAMapOrAList) {
  write(
      "start: ./run\ndependencies: {pgmain: {type: required, reason: storage}, cache: {type: "
      "optional}}\n");
  EXPECT_THAT(dependencies(), ElementsAre("pgmain", "cache?"));
  write("start: ./run\ndependencies: [pgmain, cache]\n");
  EXPECT_THAT(dependencies(), ElementsAre("pgmain", "cache"));
  write("start: ./run\n");
  EXPECT_THAT(dependencies(), IsEmpty());
}

TEST_F(ServiceFileTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(refusal().reason(), "SERVICE_FILE_MISSING");
  EXPECT_EQ(refusal().code(), Code::not_found);
  const std::vector<std::pair<std::string, std::string>> bad{
      {"port: 9444\n", "it has no \"start\""},
      {"- a list\n", "it must be a map"},
      {"start: [a, b]\n", "\"start\" must be a single text"},
      {"start: \"a\n b: [", "is not valid YAML"},
      {"start: ./run\nworking_dir: /no/such/folder\n", "there is no folder /no/such/folder"},
      {"start: ./run\nenv_file: .env\n", "there is no env_file"},
      {"start: \"a\\0b\"\n", "a zero byte"},
  };
  for (const auto& [text, message] : bad) {
    write(text);
    EXPECT_EQ(refusal().reason(), "SERVICE_FILE_INVALID") << text;
    EXPECT_THAT(refusal().message(), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace portoser::agent::actions
