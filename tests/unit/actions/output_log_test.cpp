#include "agent/actions/runner/output_log.h"

#include "common/file.h"
#include "tests/support/small_disk.h"
#include "tests/unit/actions/fixture.h"

#include <unistd.h>

namespace portoser::agent::actions::runner {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class OutputLogTest : public testing::Test {
 protected:
  [[nodiscard]] std::string text() const { return read_file(path); }

  TempFolder folder;
  std::string path = (folder / "output.log").string();
};

TEST_F(OutputLogTest, KeepsLinesWholeAndStepsApartFromThem) {
  OutputLog log{path};
  log.begin_step("build");
  log.feed("=up\none, ");
  log.feed("two\n\nlast");
  log.end_step();
  log.begin_step("up");
  EXPECT_EQ(text(), "=build\n =up\n one, two\n \n last\n=up\n");
}

TEST_F(OutputLogTest, AReturnEndsALineTooAndTogetherTheyEndOne) {
  OutputLog log{path};
  log.feed("10%\r20%\rdone\r\nnext\n");
  EXPECT_EQ(text(), " 10%\n 20%\n done\n next\n");
}

TEST_F(OutputLogTest, AReturnAndALineEndInTwoReadsEndOneLine) {
  OutputLog log{path};
  log.feed("done\r");
  log.feed("\nnext\n");
  EXPECT_EQ(text(), " done\n next\n");
}

TEST_F(OutputLogTest, ALineWithoutEndIsCutIntoSeveral) {
  OutputLog log{path};
  log.feed(std::string(OutputLog::line_limit + 1, 'x'));
  log.end_step();
  EXPECT_EQ(text(), " " + std::string(OutputLog::line_limit, 'x') + "\n x\n");
}

TEST_F(OutputLogTest, BehindTheLimitTheLastLinesAreKept) {
  OutputLog log{path, 1000};
  log.begin_step("build");
  for (int line = 0; line < 10'000; ++line) log.feed("line " + std::to_string(line) + "\n");
  log.end_step();
  log.begin_step("up");
  log.feed("why\n");
  log.end_step();
  EXPECT_THAT(text(), StartsWith("=build\n line 0\n line 1\n"));
  EXPECT_THAT(text(), HasSubstr("lines are left out here\n line 9950\n"));
  EXPECT_THAT(text(), EndsWith(" line 9999\n=up\n why\n"));
  EXPECT_LT(text().size(), 2000U);
}

TEST_F(OutputLogTest, AFullDiskLosesLinesAndSaysHowMany) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small disk needs root";
  const test::SmallDisk disk{folder / "disk", 1};
  path = (folder / "disk/output.log").string();
  OutputLog log{path};
  log.begin_step("build");
  log.feed("first\n");
  disk.fill();
  // What the page that the file has already takes is taken.
  log.feed(std::string(4000, 'a') + "\n" + std::string(4000, 'b') + "\n");
  log.end_step();
  log.begin_step("up");
  log.feed(std::string(4000, 'c') + "\n" + std::string(4000, 'd') + "\n");
  disk.make_room();
  log.feed("last\n");
  log.end_step();
  EXPECT_EQ(text(),
            "=build\n first\n " + std::string(4000, 'a') +
                "\n"
                "=build\n!1 lines are missing here: the disk was full\n=up\n"
                "=up\n!2 lines are missing here: the disk was full\n last\n");
}

}  // namespace
}  // namespace portoser::agent::actions::runner
