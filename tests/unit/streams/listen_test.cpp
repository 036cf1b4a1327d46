#include "agent/streams/listen.h"

#include "common/error.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>

namespace portoser::agent::streams {
namespace {

bool can_connect(const std::filesystem::path& folder, const std::string& name) {
  const Descriptor open{::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const auto path = "/proc/self/fd/" + std::to_string(open.get()) + "/" + name;
  const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

TEST(Listen, IsForItsOwnerAndReplacesWhatWasThere) {
  const test::TempFolder folder;
  const auto path = folder / "streams.sock";
  { const auto before = listen_at(path); }
  EXPECT_FALSE(can_connect(folder.path(), "streams.sock")) << "nobody listens any more";
  const auto socket = listen_at(path);
  EXPECT_TRUE(can_connect(folder.path(), "streams.sock"));
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST(Listen, APathLongerThanAnAddressIsWell) {
  const test::TempFolder folder;
  const auto deep = folder.path() / std::string(100, 'a') / std::string(100, 'b');
  std::filesystem::create_directories(deep);
  const auto socket = listen_at(deep / "streams.sock");
  EXPECT_TRUE(can_connect(deep, "streams.sock"));
}

TEST(Listen, AFolderThatIsNotThereIsSaid) {
  const test::TempFolder folder;
  try {
    listen_at(folder / "no" / "streams.sock");
    FAIL() << "it listens";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("no/streams.sock"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace portoser::agent::streams
