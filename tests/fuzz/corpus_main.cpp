// Feeds a fuzz target what its corpus holds, without a fuzzer: each file, each beginning of it, and
// it with each byte changed. `corpus_main FOLDER`; a broken property ends the program.
#include "common/error.h"
#include "common/file.h"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Of a long file only the whole: its beginnings are too many.
constexpr std::size_t longest_varied = 1024;

/// A buffer of its own size, so that the address sanitizer sees a read beyond the end.
void feed(const Bytes& bytes, std::size_t size) {
  const Bytes exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void feed_variants(Bytes bytes) {
  feed(bytes, bytes.size());
  if (bytes.size() > longest_varied) return;
  for (std::size_t size = 0; size < bytes.size(); ++size) feed(bytes, size);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const auto kept = bytes[at];
    for (const unsigned change : {0x01U, 0x80U, 0xffU}) {
      bytes[at] = static_cast<std::uint8_t>(kept ^ change);
      feed(bytes, bytes.size());
    }
    bytes[at] = kept;
  }
}

int feed_folder(const std::filesystem::path& folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    // Before, not after: the last line names the file that broke it.
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    const auto text = portoser::read_file(entry.path());
    feed_variants({text.begin(), text.end()});
    ++files;
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && feed_folder(argv[1]) > 0) return 0;
    std::fprintf(stderr, "usage: %s FOLDER, which holds files\n", argv[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
