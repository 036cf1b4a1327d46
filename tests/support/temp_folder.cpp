#include "tests/support/temp_folder.h"

#include "common/error.h"
#include "common/file.h"

#include <fmt/core.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <system_error>

namespace portoser::test {

TempFolder::TempFolder(std::string_view purpose) {
  auto name = (temp_root() / fmt::format("portoser-{}-XXXXXX", purpose)).string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Error{Code::internal, system_error_text("cannot create", name)};
  }
  path_ = name;
}

TempFolder::~TempFolder() {
  if (std::getenv("PORTOSER_TEST_KEEP") != nullptr) {
    std::cerr << "kept: " << path_.string() << "\n";
    return;
  }
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) std::cerr << "cannot remove " << path_ << ": " << error.message() << "\n";
}

std::filesystem::path temp_root() {
  const char* chosen = std::getenv("PORTOSER_TEST_TMP");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

}  // namespace portoser::test
