#include "common/file.h"
#include "tests/unit/collect/fixture_tree.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace portoser::agent::collect {
namespace {

void feed(const std::string& text) {
  // A buffer of its own size, so that the address sanitizer sees a read beyond the end.
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

TEST(CollectParsers, TakeEveryPrefixOfEveryKeptFile) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{fixtures_folder()}) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const auto text = read_file(entry.path());
    for (std::size_t size = 0; size <= text.size(); ++size) feed(text.substr(0, size));
  }
  EXPECT_GT(files, 40);
}

TEST(CollectParsers, TakeEveryKeptFileWithOneByteChanged) {
  constexpr char replacements[] = {'\0', '\n', ' ', ':', '/', '-', '\\', '9', '\xff'};
  for (const auto& entry : std::filesystem::recursive_directory_iterator{fixtures_folder()}) {
    if (!entry.is_regular_file()) continue;
    auto text = read_file(entry.path());
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char kept = text[at];
      text[at] = replacements[at % sizeof replacements];
      feed(text);
      text[at] = kept;
    }
  }
}

TEST(CollectParsers, TakeOddTexts) {
  feed("cpu  9223372036854775807 9223372036854775807 9223372036854775807 9223372036854775807\n");
  feed("Inter-|\n\n:\n  :\neth0:\neth0: 9223372036854775808 0\n");
  feed("usage_usec 9223372036854775807\n");
  feed("259:0 Read 9223372036854775807\n259:0 Read 9223372036854775807\n");
  feed("259:0 rbytes=9223372036854775807\n259:1 rbytes=9223372036854775807\n");
  feed(
      "1 2 4294967296:0 / / rw - ext4 /dev/a rw\n1 2 0:1 / \\057\\1 rw - ext4  rw\n1 2 0:1 / / rw "
      "-\n");
}

}  // namespace
}  // namespace portoser::agent::collect
