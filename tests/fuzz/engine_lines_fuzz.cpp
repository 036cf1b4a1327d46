// The engine's lines are the same however the stream is cut into blocks: the first byte is the size
// of a block, the rest is the stream.
#include "agent/engine/lines.h"
#include "tests/fuzz/must.h"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace portoser;

constexpr std::size_t limit = 64;

struct Read {
  std::vector<std::string> lines;
  bool is_too_large = false;
  bool operator==(const Read&) const = default;
};

Read in_blocks(std::string_view text, std::size_t block) {
  Read read;
  agent::engine::LineSplitter splitter{limit};
  try {
    for (; !text.empty(); text.remove_prefix(std::min(block, text.size()))) {
      splitter.add(text.substr(0, block),
                   [&](std::string_view line) { read.lines.emplace_back(line); });
    }
  } catch (const Error& error) {
    test::must(error.code() == Code::too_large);
    read.is_too_large = true;
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto text = test::text_of(data + 1, size - 1);
  const auto whole = in_blocks(text, std::max<std::size_t>(text.size(), 1));
  test::must(in_blocks(text, std::max<std::size_t>(data[0], 1)) == whole);
  for (const auto& line : whole.lines) {
    test::must(!line.empty() && line.size() <= limit && line.find('\n') == std::string::npos);
  }
  return 0;
}
