#include "common/notify.h"

#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

namespace portoser {
namespace {

/// What a service manager is for a program: a datagram socket whose name it was given.
class Manager {
 public:
  /// A leading @: a name that is no file.
  explicit Manager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const void* raw = &address;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (::bind(socket_.get(), static_cast<const sockaddr*>(raw), length) != 0) {
      throw std::runtime_error{"cannot bind " + name};
    }
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }

  /// Empty: nothing came.
  std::string receive() const {
    std::array<char, 100> text{};
    const auto size = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string{};
  }

 private:
  Descriptor socket_;
};

TEST(Notify, ReachesASocketThatIsAFile) {
  const test::TempFolder folder{"notify"};
  const Manager manager{(folder.path() / "socket").string()};
  notify_service_manager("READY=1");
  EXPECT_EQ(manager.receive(), "READY=1");
  EXPECT_EQ(manager.receive(), "");
}

TEST(Notify, ReachesASocketThatIsOnlyAName) {
  const Manager manager{"@portoser-notify-" + std::to_string(::getpid())};
  notify_service_manager("STOPPING=1");
  EXPECT_EQ(manager.receive(), "STOPPING=1");
}

TEST(Notify, NobodyThereIsNoHarm) {
  ::unsetenv("NOTIFY_SOCKET");
  notify_service_manager("READY=1");
  for (const auto& name : {std::string{}, std::string{"/no/such/socket"}, std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    notify_service_manager("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace portoser
