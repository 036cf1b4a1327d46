#include "controller/http/lane.h"

#include "tests/support/await.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <unistd.h>

namespace portoser::http {
namespace {

using namespace std::chrono_literals;

/// Two ends of a stream.
struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0); }
  ~Pair() {
    for (const int end : ends) ::close(end);
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::array<int, 2> ends{};
};

class Reader : public Guest {
 public:
  Reader(Lane& lane, int descriptor) : lane_(lane), descriptor_(descriptor) {}
  ~Reader() override { ++ended; }

  void readable() override {
    std::array<char, 4> some{};
    const auto got = ::read(descriptor_, some.data(), some.size());
    if (got > 0) bytes += static_cast<int>(got);
    on_lane_thread = std::this_thread::get_id();
    if (some[0] == '!') throw std::runtime_error{"a guest that fails"};
    if (std::find(some.begin(), some.end(), '.') != some.end()) lane_.let_go(*this);
  }

  static inline std::atomic<int> ended{0};
  std::atomic<int> bytes{0};
  std::atomic<std::thread::id> on_lane_thread{};

 private:
  Lane& lane_;
  int descriptor_;
};

void watch(Lane& lane, const Pair& pair, std::shared_ptr<Reader> reader) {
  EXPECT_TRUE(lane.post([&lane, descriptor = pair.ends[0], reader = std::move(reader)] {
    EXPECT_TRUE(lane.watch(descriptor, reader));
  }));
}

void await(std::string_view what, const std::function<bool()>& condition) {
  test::await_until(what, 30s, condition);
}

TEST(Lane, CallsItsGuestOnItsThreadUntilAllIsRead) {
  Lane lane;
  const Pair pair;
  const auto reader = std::make_shared<Reader>(lane, pair.ends[0]);
  watch(lane, pair, reader);
  pair.say("more than one read takes");
  await("all is read", [&] { return reader->bytes == 24; });
  EXPECT_NE(reader->on_lane_thread.load(), std::this_thread::get_id());
  lane.stop();
}

TEST(Lane, KeepsAGuestUntilItIsLetGo) {
  Lane lane;
  const Pair pair;
  const auto before = Reader::ended.load();
  watch(lane, pair, std::make_shared<Reader>(lane, pair.ends[0]));
  pair.say("abc");
  pair.say(".");
  await("the guest has ended", [&] { return Reader::ended == before + 1; });
  lane.stop();
}

TEST(Lane, LosesOnlyTheGuestThatFails) {
  Lane lane;
  const Pair bad;
  const Pair good;
  const auto before = Reader::ended.load();
  watch(lane, bad, std::make_shared<Reader>(lane, bad.ends[0]));
  const auto reader = std::make_shared<Reader>(lane, good.ends[0]);
  watch(lane, good, reader);
  bad.say("!");
  await("the guest that fails has ended", [&] { return Reader::ended == before + 1; });
  good.say("ok");
  await("the other one is served", [&] { return reader->bytes == 2; });
  lane.stop();
}

TEST(Lane, StopRunsWhatWasPostedLetsAllGoAndTakesNothingNew) {
  Lane lane;
  const Pair pair;
  const auto before = Reader::ended.load();
  watch(lane, pair, std::make_shared<Reader>(lane, pair.ends[0]));
  std::atomic<bool> ran{false};
  EXPECT_TRUE(lane.post([&] { ran = true; }));
  lane.stop();
  EXPECT_TRUE(ran);
  EXPECT_EQ(Reader::ended, before + 1);
  EXPECT_FALSE(lane.post([] {}));
}

}  // namespace
}  // namespace portoser::http
