// The replay of /api/uptime/ws, on a real database; the client is played by the test.

#include "controller/api/uptime_socket.h"

#include "common/describe_json.h"
#include "common/ids.h"
#include "controller/http/outbox.h"
#include "controller/http/router.h"
#include "controller/storage/database.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <stdexcept>

namespace portoser::api {
namespace {

/// It reads nothing before all was sent: what may not wait for it ends it.
class PlayedClient : public http::WebSocket {
 public:
  explicit PlayedClient(asio::any_io_executor executor)
      : news_(std::move(executor), asio::steady_timer::time_point::max()) {}

  using http::WebSocket::send;
  void send(std::shared_ptr<const std::string> text) override {
    if (closed_) return;
    frames.push_back(Json::parse(*text));
    if (outbox_.add({}, std::move(text)).dropped > 0) close(1013, "");
  }
  void send_latest(std::string_view, std::shared_ptr<const std::string> text) override {
    send(std::move(text));
  }
  asio::awaitable<void> drained() override {
    while (outbox_.next().kind == http::Outbox::Next::Kind::frame) {
    }
    co_return;
  }
  asio::awaitable<std::optional<std::string>> receive() override {
    while (said_.empty() && !closed_) {
      boost::system::error_code ignored;
      co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (said_.empty()) co_return std::nullopt;
    auto text = std::move(said_.front());
    said_.pop_front();
    co_return text;
  }
  void close(std::uint16_t, std::string_view) override {
    closed_ = true;
    news_.cancel();
  }
  [[nodiscard]] bool closed() const override { return closed_; }
  [[nodiscard]] const http::CallContext& call() const override {
    throw std::logic_error{"nobody asks for the request"};
  }

  /// As the client.
  void say(const Json& message) {
    said_.push_back(dump(message));
    news_.cancel();
  }
  [[nodiscard]] bool has(const std::string& type) const {
    for (const auto& frame : frames) {
      if (frame["type"] == type) return true;
    }
    return false;
  }
  [[nodiscard]] std::vector<std::int64_t> events() const {
    std::vector<std::int64_t> ids;
    for (const auto& frame : frames) {
      if (frame["type"] == "uptime_event") ids.push_back(frame["id"].get<std::int64_t>());
    }
    return ids;
  }
  std::vector<Json> frames;

 private:
  asio::steady_timer news_;
  std::deque<std::string> said_;
  http::Outbox outbox_;
  bool closed_ = false;
};

class UptimeSocketTest : public testing::Test {
 protected:
  UptimeSocketTest()
      : folder_(std::filesystem::temp_directory_path() / ("portoser-uptime-" + random_hex(6))) {
    std::filesystem::create_directories(folder_);
    database_ = std::make_unique<storage::Database>(folder_ / "portoser.db", clock_);
    socket_ = std::make_unique<UptimeSocket>(*database_, clock_);
    socket_->add_to(router_);
  }
  ~UptimeSocketTest() override {
    for (const auto& client : clients_) client->close(1000, "");
    step_until([&] { return open_ == 0; });
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  template <class Condition>
  void step_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "it never happened";
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds{5});
    }
  }
  std::shared_ptr<PlayedClient> connect() {
    auto client = std::make_shared<PlayedClient>(context_.get_executor());
    clients_.push_back(client);
    ++open_;
    asio::co_spawn(context_, router_.endpoints().at(0)->socket(client), [this](auto) { --open_; });
    step_until([&] { return client->has("connected"); });
    return client;
  }
  /// With what was subscribed; `ping` tells that the replay is over.
  std::shared_ptr<PlayedClient> subscribed(const Json& message) {
    auto client = connect();
    client->say(message);
    client->say({{"action", "ping"}});
    step_until([&] { return client->has("pong"); });
    return client;
  }
  static storage::EventRecord event(std::int64_t id, const std::string& service = "notes") {
    storage::EventRecord record;
    record.id = id;
    record.scope = "service";
    record.event_type = "failure";
    record.service = service;
    record.machine = "brick";
    return record;
  }
  void store(std::vector<storage::EventRecord> events) {
    storage::EventStore store{*database_};
    bool done = false;
    asio::co_spawn(context_, store.append(std::move(events)), [&](auto failure, auto) {
      EXPECT_EQ(failure, nullptr);
      done = true;
    });
    step_until([&] { return done; });
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  asio::io_context context_{1};
  std::unique_ptr<storage::Database> database_;
  http::Router router_;
  std::unique_ptr<UptimeSocket> socket_;
  std::vector<std::shared_ptr<PlayedClient>> clients_;
  int open_ = 0;
};

using Ids = std::vector<std::int64_t>;

/// Else everything would come, and it would be confirmed.
TEST_F(UptimeSocketTest, AFilterThatCannotBeIsAnError) {
  const std::vector<Json> wrong{{{"service", Json::array({"notes"})}},
                                {{"machine", Json::array({"brick"})}},
                                {{"machine", 7}},
                                {{"services", "notes"}},
                                {{"since", "1"}},
                                {{"since", -1}},
                                {{"since", 18446744073709551615ULL}}};
  for (auto message : wrong) {
    message["action"] = "subscribe";
    const auto client = subscribed(message);
    EXPECT_TRUE(client->has("error")) << message;
    EXPECT_FALSE(client->has("subscribed")) << message;
  }
  EXPECT_TRUE(subscribed({{"action", "subscribe"}, {"service", nullptr}, {"machine", "*"}})
                  ->has("subscribed"));
}

TEST_F(UptimeSocketTest, WhoComesBetweenAnEventAndItsCommitSeesIt) {
  socket_->event_arrived(event(7));
  EXPECT_EQ(subscribed({{"action", "subscribe"}, {"since", 3}})->events(), Ids{7});
  EXPECT_EQ(subscribed({{"action", "subscribe"}, {"since", 7}})->events(), Ids{});
  store({event(7)});
  EXPECT_EQ(subscribed({{"action", "subscribe"}, {"since", 3}})->events(), Ids{7}) << "once";
}

TEST_F(UptimeSocketTest, WhatHappensDuringAReplayComesOnceAndBehindIt) {
  store({event(1), event(2)});
  auto client = connect();
  client->say({{"action", "subscribe"}, {"since", 0}});
  step_until([&] { return client->has("subscribed"); });
  // The database has been asked; its answer is not taken before the next step.
  socket_->event_arrived(event(3));
  EXPECT_EQ(client->events(), Ids{});
  step_until([&] { return client->events().size() == 3; });
  socket_->event_arrived(event(4));
  EXPECT_EQ(client->events(), (Ids{1, 2, 3, 4}));
}

TEST_F(UptimeSocketTest, TheLimitCountsOnlyWhatTheClientWants) {
  std::vector<storage::EventRecord> events;
  for (std::int64_t id = 1; id <= 250; ++id) events.push_back(event(id, "wiki"));
  events.push_back(event(251, "notes"));
  for (std::int64_t id = 252; id <= 500; ++id) events.push_back(event(id, "wiki"));
  store(std::move(events));
  const auto client =
      subscribed({{"action", "subscribe"}, {"services", {"notes", "no'\"such"}}, {"since", 0}});
  EXPECT_EQ(client->events(), Ids{251});
}

TEST_F(UptimeSocketTest, WhoWasAwayForLongGetsTheNewestAndIsToldSo) {
  std::vector<storage::EventRecord> events;
  for (std::int64_t id = 1; id <= 300; ++id) events.push_back(event(id));
  store(std::move(events));
  const auto client = subscribed({{"action", "subscribe"}, {"since", 0}});
  const auto ids = client->events();
  ASSERT_EQ(ids.size(), 200U);
  EXPECT_EQ(ids.front(), 101);
  EXPECT_EQ(ids.back(), 300);
  const auto notice = std::find_if(client->frames.begin(), client->frames.end(), [](auto& frame) {
    return frame["type"] == "replay_truncated";
  });
  ASSERT_NE(notice, client->frames.end());
  EXPECT_EQ(notice->at("since"), 0);
  EXPECT_EQ(notice->at("first_id"), 101);
  EXPECT_EQ(notice[1]["id"], 101) << "before the events";

  const auto whole = subscribed({{"action", "subscribe"}, {"since", 100}});
  EXPECT_EQ(whole->events().size(), 200U);
  EXPECT_FALSE(whole->has("replay_truncated"));
}

TEST_F(UptimeSocketTest, AReplayOfLongNotesHasAsManyAsMayWait) {
  std::vector<storage::EventRecord> events;
  for (std::int64_t id = 1; id <= 200; ++id) {
    auto note = event(id);
    note.details.assign(4096, 'x');
    note.metadata = dump(Json{{"more", std::string(4000, 'y')}});
    events.push_back(std::move(note));
  }
  store(std::move(events));
  auto client = connect();
  for (int again = 0; again < 3; ++again) {
    client->say({{"action", "subscribe"}, {"since", 0}});
    client->say({{"action", "ping"}});
    step_until([&] { return client->has("pong"); });
    ASSERT_FALSE(client->closed()) << "the replay can never be had";
    ASSERT_TRUE(client->has("replay_truncated"));
    const auto ids = client->events();
    ASSERT_GT(ids.size(), 50U);
    EXPECT_LT(ids.size(), 70U);
    EXPECT_EQ(ids.back(), 200);
    EXPECT_EQ(ids.front(), 201 - static_cast<std::int64_t>(ids.size()));
    client->frames.clear();
  }
}

TEST_F(UptimeSocketTest, OneEventThatIsLargerThanTheRestComes) {
  auto large = event(2);
  large.details.assign(600U << 10U, 'x');
  store({event(1), large});
  const auto client = subscribed({{"action", "subscribe"}, {"since", 0}});
  EXPECT_EQ(client->events(), Ids{2});
  EXPECT_TRUE(client->has("replay_truncated"));
  EXPECT_FALSE(client->closed());
}

/// The UI writes them into a table that knows no lines.
TEST(UptimeFrame, ItsDetailsAreOneLine) {
  storage::EventRecord record;
  record.details = "exit 137\r\nkilled";
  EXPECT_EQ(Json::parse(uptime_frame(record))["event"]["details"], "exit 137  killed");
}

}  // namespace
}  // namespace portoser::api
