#include "agent/engine/lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace portoser::agent::engine {
namespace {

std::vector<std::string> split(LineSplitter& splitter, std::string_view block) {
  std::vector<std::string> lines;
  splitter.add(block, [&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

TEST(EngineLines, GivesTheSameLinesWhereverTheBlocksAreCut) {
  const std::string text = "{\"a\":1}\n\r\n{\"b\":22}\r\n\n{\"c\":333}\n";
  const std::vector<std::string> wanted{"{\"a\":1}", "{\"b\":22}", "{\"c\":333}"};
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      LineSplitter splitter;
      std::vector<std::string> lines;
      const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
      splitter.add(std::string_view{text}.substr(0, first), keep);
      splitter.add(std::string_view{text}.substr(first, second - first), keep);
      splitter.add(std::string_view{text}.substr(second), keep);
      EXPECT_EQ(lines, wanted) << "cut at " << first << " and " << second;
    }
  }
}

TEST(EngineLines, HoldsBackALineThatHasNotEnded) {
  LineSplitter splitter;
  EXPECT_TRUE(split(splitter, "{\"a\":").empty());
  EXPECT_EQ(split(splitter, "1}\n"), std::vector<std::string>{"{\"a\":1}"});
}

TEST(EngineLines, RefusesALineOverTheLimitWhetherOrNotItEnds) {
  LineSplitter at_limit{8};
  EXPECT_EQ(split(at_limit, "12345678\n"), std::vector<std::string>{"12345678"});
  LineSplitter ended{8};
  EXPECT_THROW(split(ended, "123456789\n"), Error);
  LineSplitter in_pieces{8};
  EXPECT_TRUE(split(in_pieces, "12345").empty());
  EXPECT_THROW(split(in_pieces, "6789"), Error);
}

}  // namespace
}  // namespace portoser::agent::engine
