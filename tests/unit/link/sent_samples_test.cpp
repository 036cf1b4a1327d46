// Samples that were sent on a connection that no longer carried anything. The time is the test's,
// so that a break can be seen as late as the slowest heartbeat lets it.
#include "agent/link/connection.h"
#include "protocol/codec.h"
#include "tests/support/await.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/link/controller_double.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace portoser::agent::link {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LinkSettings, KeepSentSamplesUntilABreakWouldHaveBeenSeen) {
  const LinkSettings usual;
  EXPECT_GE(usual.backlog.settles_after, 7 * protocol::default_heartbeat);
  auto settings = usual;
  settings.set_pace(protocol::default_heartbeat);
  EXPECT_EQ(settings.backlog.settles_after, usual.backlog.settles_after);
  EXPECT_EQ(settings.send.recent.age, usual.send.recent.age);
  for (const auto heartbeat : {seconds{10}, seconds{60}, seconds{20}}) {
    settings.set_pace(heartbeat);
    EXPECT_GE(settings.backlog.settles_after, 7 * heartbeat);
    EXPECT_GE(settings.send.recent.age, 7 * heartbeat);
    EXPECT_GE(settings.send.recent.repeated_for, 7 * heartbeat);
  }
  // What a controller loses when it is killed does not depend on our haste.
  settings.set_pace(milliseconds{100});
  EXPECT_EQ(settings.backlog.settles_after, seconds{10});
  EXPECT_EQ(settings.send.recent.age, seconds{60});
}

/// Takes connections and never says a word.
class MuteController {
 public:
  explicit MuteController(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 5) != 0) {
      throw std::runtime_error{"cannot listen"};
    }
  }

 private:
  Descriptor socket_;
};

class SentSamples : public testing::Test {
 protected:
  static constexpr seconds heartbeat{60};
  /// Three heartbeats lay in front of the break, and after four more it is seen.
  static constexpr auto seen_after = 7 * heartbeat;

  SentSamples() {
    settings_.set_pace(heartbeat);
    backlog_.emplace(folder_.path() / "backlog", clock_, settings_.backlog);
    sender_.emplace(transport_, spool_, *backlog_, stats_, settings_.send);
  }

  static protocol::Sample sample(seconds uptime) {
    protocol::Sample sample;
    sample.when.boot_id = "boot";
    sample.when.uptime_ns = std::chrono::nanoseconds{uptime}.count();
    return sample;
  }
  void keep_late(seconds uptime) { backlog_->keep(protocol::encode(sample(uptime))); }
  void take(seconds uptime) {
    Outbox::Batch batch;
    batch.samples.push_back(sample(uptime));
    sender_->take(std::move(batch), now_);
  }
  void pump_for(seconds time) {
    for (const auto end = now_ + time; now_ < end;) pump();
  }
  void pump() {
    now_ += milliseconds{100};
    sender_->pump(now_);
  }
  void connect() {
    transport_.open();
    sender_->begin({}, now_);
    pump();
  }
  void lose_connection() {
    transport_.close();
    sender_->end();
  }
  /// Connects to a controller that reads, and has none yet: each of `uptimes` arrives, once.
  void expect_to_arrive(const std::vector<seconds>& uptimes) {
    mute_.reset();
    const auto memory = std::make_shared<test::ControllerMemory>();
    test::ControllerDouble controller{controller_keys_, memory, {}, port_};
    controller.admit(agent_keys_.public_key);
    connect();
    std::vector<seconds> arrived;
    const auto look = [&] {
      pump();
      arrived.clear();
      for (const auto& one : memory->seen().all<protocol::Sample>()) {
        const std::chrono::nanoseconds uptime{one.when.uptime_ns};
        arrived.push_back(std::chrono::duration_cast<seconds>(uptime));
      }
      return arrived.size() >= uptimes.size();
    };
    EXPECT_NO_THROW(test::await_until("all samples are there", seconds{10}, look));
    std::sort(arrived.begin(), arrived.end());
    EXPECT_EQ(arrived, uptimes);
  }

  test::TempFolder folder_;
  SystemClock clock_;
  int port_ = test::free_port();
  protocol::KeyPair agent_keys_ = protocol::make_key_pair();
  protocol::KeyPair controller_keys_ = protocol::make_key_pair();
  std::optional<MuteController> mute_{std::in_place, port_};
  LinkSettings settings_;
  LinkStats stats_;
  Transport transport_{{"tcp://127.0.0.1:" + std::to_string(port_),
                        agent_keys_,
                        controller_keys_.public_key,
                        heartbeat}};
  Spool spool_{folder_.path() / "spool"};
  std::optional<Backlog> backlog_;
  std::optional<Sender> sender_;
  Sender::Instant now_{std::chrono::hours{1}};
};

TEST_F(SentSamples, LateOnesComeAgainHoweverLateTheBreakIsSeen) {
  std::vector<seconds> uptimes;
  for (int i = 1; i <= 30; ++i) uptimes.push_back(i * seconds{5});
  for (const auto uptime : uptimes) keep_late(uptime);
  connect();
  pump_for(seen_after);
  ASSERT_TRUE(backlog_->is_empty()) << "the socket took them all";
  lose_connection();
  expect_to_arrive(uptimes);
}

TEST_F(SentSamples, LiveOnesComeAgainHoweverLateTheBreakIsSeen) {
  constexpr int count = 30;
  std::vector<seconds> uptimes;
  for (int i = 1; i <= count; ++i) uptimes.push_back(i * seen_after / count);
  connect();
  for (const auto uptime : uptimes) {
    take(uptime);
    pump_for(seen_after / count);
  }
  lose_connection();
  expect_to_arrive(uptimes);
}

TEST_F(SentSamples, LiveOnesComeAgainAfterASecondBreakHoweverLongTheFirstOutageWas) {
  const std::vector<seconds> uptimes{seconds{5}, seconds{10}, seconds{15}, seconds{3615}};
  connect();
  for (std::size_t i = 0; i < 3; ++i) take(uptimes[i]);
  lose_connection();
  now_ += std::chrono::hours{1};
  connect();
  take(uptimes[3]);
  pump();
  lose_connection();
  expect_to_arrive(uptimes);
}

}  // namespace
}  // namespace portoser::agent::link
