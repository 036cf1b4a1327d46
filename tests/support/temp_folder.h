/// A folder of a test's own.
#pragma once

#include <filesystem>
#include <string_view>

namespace portoser::test {

/// Made on a disk (not tmpfs, where fsync and file sizes mean nothing), readable by its owner only,
/// removed with all that is in it at destruction (kept when PORTOSER_TEST_KEEP is set). Its path is
/// short enough for unix sockets.
class TempFolder {
 public:
  explicit TempFolder(std::string_view purpose = "test");
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// Where test folders go: `PORTOSER_TEST_TMP`, else /var/tmp.
std::filesystem::path temp_root();

}  // namespace portoser::test
