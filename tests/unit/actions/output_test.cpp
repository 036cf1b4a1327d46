#include "agent/actions/output.h"

#include "agent/actions/runner/files.h"
#include "tests/unit/actions/fixture.h"

#include <fstream>

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;

class OutputTest : public testing::Test {
 protected:
  OutputTest() { write(""); }

  void write(const std::string& text) const {
    std::ofstream{path, std::ios::app | std::ios::binary} << text;
  }
  std::vector<std::string> lines() {
    follower.finish();
    return lines_;
  }

  TempFolder folder;
  const std::filesystem::path path = folder / runner::output_file;
  asio::io_context context;
  OutputFollower follower = make_follower();

 private:
  OutputFollower make_follower() {
    write("");
    return {context.get_executor(), path.parent_path(), "c1", [this](protocol::Progress news) {
              lines_.insert(lines_.end(), news.lines.begin(), news.lines.end());
            }};
  }
  std::vector<std::string> lines_;
};

TEST_F(OutputTest, ALineIsTakenWhenItIsComplete) {
  write("=up\n one\n tw");
  EXPECT_THAT(lines(), ElementsAre("one"));
  write("o\n");
  EXPECT_THAT(lines(), ElementsAre("one", "two"));
}

TEST_F(OutputTest, HalfALineThatAFullDiskMadeTheRunnerTakeBackSpoilsNoOther) {
  write("=up\n one\n half of the lon");
  EXPECT_THAT(lines(), ElementsAre("one"));
  std::filesystem::resize_file(path, std::string{"=up\n one\n"}.size());
  write("!3 lines are missing here\n a line that is longer than that half\n");
  EXPECT_THAT(
      lines(),
      ElementsAre("one", "3 lines are missing here", "a line that is longer than that half"));
}

TEST_F(OutputTest, AFileWithoutLineEndsIsReadToItsEnd) {
  write(std::string(200'000, 'x') + "\n after it\n");
  EXPECT_EQ(lines().back(), "after it");
}

}  // namespace
}  // namespace portoser::agent::actions
