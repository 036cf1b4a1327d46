// The sockets of metrics and of devices, and what each answers to what no client should send. The
// client is the test.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/telemetry/played_host.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace portoser::api {
namespace {

class Sockets : public ApiTest {
 protected:
  http::Router router_late_;  ///< of sockets that a test makes itself

  /// Opened, and has said all of it.
  std::shared_ptr<PlayedSocket> open(std::string_view path, std::deque<std::string> texts) {
    texts.emplace_back(R"({"action":"ping"})");
    auto socket = open_socket(path, std::move(texts));
    frame_of(*socket, "pong");
    return socket;
  }
  static std::vector<Json> of_type(const PlayedSocket& socket, std::string_view type) {
    std::vector<Json> found;
    for (const auto& frame : socket.frames) {
      if (frame["type"] == type) found.push_back(frame);
    }
    return found;
  }
  static std::vector<std::string> errors(const PlayedSocket& socket) {
    std::vector<std::string> messages;
    for (const auto& frame : of_type(socket, "error")) messages.push_back(frame["message"]);
    return messages;
  }
  /// The types of frames that the route says it sends.
  [[nodiscard]] std::vector<std::string> declared(const std::string& path) const {
    for (const auto& endpoint : router_.endpoints()) {
      if (endpoint->route.path == path && endpoint->socket) return endpoint->sends;
    }
    return {};
  }
  /// The moments of measurement that the frames of this type tell of, in their order.
  static std::vector<std::string> samples(const PlayedSocket& socket, std::string_view type) {
    std::vector<std::string> times;
    for (const auto& frame : of_type(socket, type)) times.push_back(frame["metrics"]["timestamp"]);
    return times;
  }
  static bool each_once(std::vector<std::string> times) {
    std::sort(times.begin(), times.end());
    return std::adjacent_find(times.begin(), times.end()) == times.end();
  }
};

TEST_F(Sockets, OverlappingSubscriptionsGetEachSampleOnce) {
  const auto socket =
      open("/api/metrics/ws",
           {R"({"action":"subscribe","subscriptions":["notes@brick","*@brick","notes@*","*@*"]})",
            R"({"action":"subscribe","subscriptions":["*@*","notes@brick"]})",
            R"({"type":"subscribe","device_id":"brick"})"});
  tell_of_notes(3);
  for (const auto* type : {"metrics_update", "machine_metrics_update"}) {
    const auto times = samples(*socket, type);
    EXPECT_EQ(times.size(), 4U) << "the one that was known and three new ones: " << type;
    EXPECT_TRUE(each_once(times)) << type;
  }
}

TEST_F(Sockets, ASampleThatIsJustBeingHandedOutDoesNotComeTwice) {
  // As when a client subscribes between the arrival of a sample and its way to the sockets.
  telemetry::Live other;
  MetricsSocket socket{*registry_, other, clock_};
  socket.add_to(router_late_);
  auto sample = telemetry::full_sample(1);
  other.on_liveness("brick", fleet::Liveness::unknown, fleet::Liveness::online, clock_.now());
  other.on_sample("brick", clock_.now(), std::move(sample));
  auto client = std::make_shared<PlayedSocket>(
      context_.get_executor(),
      std::deque<std::string>{R"({"action":"subscribe","subscriptions":["*@*"]})"});
  asio::co_spawn(context_,
                 router_late_.endpoints().at(0)->socket(client),
                 [client](const std::exception_ptr& /*ended*/) { client->handled = true; });
  frame_of(*client, "subscribed");
  EXPECT_EQ(of_type(*client, "machine_metrics_update").size(), 0U);
  socket.sample_arrived("brick");
  EXPECT_EQ(of_type(*client, "machine_metrics_update").size(), 1U);
  client->hang_up();
  step_until([&] { return client->handled; });
}

TEST_F(Sockets, UnsubscribingStopsIt) {
  const auto narrowed =
      open("/api/metrics/ws",
           {R"({"action":"subscribe","subscriptions":["notes@brick","*@brick"]})",
            R"({"action":"unsubscribe","subscriptions":["*@brick","never@there"]})"});
  const auto silent = open("/api/ws/metrics",
                           {R"({"type":"subscribe","device_ids":["brick","*"]})",
                            R"({"type":"unsubscribe","device_id":"*"})",
                            R"({"action":"unsubscribe"})"});
  const auto machines = of_type(*narrowed, "machine_metrics_update").size();
  const auto before = silent->frames.size();
  tell_of_notes(2);
  EXPECT_EQ(of_type(*narrowed, "machine_metrics_update").size(), machines);
  EXPECT_EQ(samples(*narrowed, "metrics_update").size(), 3U);
  EXPECT_EQ(silent->frames.size(), before);
  EXPECT_EQ(of_type(*narrowed, "unsubscribed").at(0)["subscriptions"], Json({"*@brick"}));
  EXPECT_EQ(of_type(*silent, "unsubscribed").at(0)["subscriptions"], Json({"*@*"}));
  EXPECT_EQ(of_type(*silent, "unsubscribed").at(1)["subscriptions"], "all");
}

TEST_F(Sockets, SubscriptionsAreCountedOverAllClients) {
  const auto first =
      open("/api/metrics/ws", {R"({"action":"subscribe","subscriptions":["a@b","*@*"]})"});
  const auto second = open("/api/metrics/ws",
                           {R"({"action":"subscribe","subscriptions":["a@b","a@b"]})",
                            R"({"action":"list_subscriptions"})"});
  EXPECT_EQ(frame_of(*second, "subscriptions_list")["subscriptions"],
            Json({{"*@*", 1}, {"a@b", 2}}));
  first->hang_up();
  step_until([&] { return first->handled; });
  const auto third = open("/api/metrics/ws", {R"({"action":"list_subscriptions"})"});
  EXPECT_EQ(frame_of(*third, "subscriptions_list")["subscriptions"], Json({{"a@b", 1}}));
}

TEST_F(Sockets, SubscriptionsAreBounded) {
  auto list = Json::array();
  for (int i = 0; i < 10'000; ++i) list.push_back("s" + std::to_string(i) + "@m");
  auto mistakes = Json::array();
  for (int i = 0; i < 10'000; ++i) mistakes.push_back(i);
  auto most = Json::array();
  for (int i = 0; i < 1000; ++i) most.push_back("s" + std::to_string(i) + "@m");
  const auto subscribe = [](const Json& subscriptions) {
    return dump(Json{{"action", "subscribe"}, {"subscriptions", subscriptions}});
  };
  const auto socket = open("/api/metrics/ws",
                           {subscribe(list),
                            subscribe(mistakes),
                            subscribe(most),
                            subscribe(most),
                            subscribe({"one@more"}),
                            subscribe({std::string(5000, 'x') + "@m"})});
  const auto told = errors(*socket);
  EXPECT_THAT(told.at(0), testing::HasSubstr("Too many subscriptions"));
  EXPECT_EQ(of_type(*socket, "subscribed").size(), 4U) << "the mistakes, most, most again, long";
  EXPECT_EQ(told.size(), 1U + 21U + 1U + 1U);
  for (const auto& message : told) EXPECT_LT(message.size(), 300U);
}

TEST_F(Sockets, AnswerWhatIsNoMessage) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  const std::deque<std::string> nonsense{
      "{", "[1]", "\"x\"", "null", "", "1e999", R"({"a":)" + deep + "}"};
  for (const auto* path : {"/api/metrics/ws", "/api/uptime/ws", "/ws/devices"}) {
    const auto socket = open(path, nonsense);
    EXPECT_EQ(errors(*socket), std::vector<std::string>(nonsense.size(), "Invalid JSON")) << path;
  }
  EXPECT_EQ(open("/ws", nonsense)->frames.size(), 1U) << "the pong alone: the UI shows the rest";
}

TEST_F(Sockets, AnswerWhatIsNoActionOrHasWrongValues) {
  const auto metrics = open("/api/metrics/ws",
                            {R"({"action":"dance"})",
                             R"({"subscriptions":["a@b"]})",
                             R"({"action":"subscribe","subscriptions":"a@b"})",
                             R"({"action":"unsubscribe","subscriptions":{}})",
                             R"({"action":"subscribe","subscriptions":[1,null,"a"]})",
                             R"({"action":"get_current","service":"notes"})",
                             R"({"action":"get_current","service":"x","machine":"brick"})"});
  EXPECT_EQ(errors(*metrics),
            (std::vector<std::string>{"Unknown action: dance",
                                      "subscriptions must be a list",
                                      "subscriptions must be a list",
                                      "Invalid subscription format: 1. Use 'service@machine'",
                                      "Invalid subscription format: null. Use 'service@machine'",
                                      "Invalid subscription format: a. Use 'service@machine'",
                                      "service and machine required for get_current",
                                      "No metrics found for x@brick"}));
  const auto devices = open("/ws/devices",
                            {R"({"action":"dance"})",
                             R"({"hostname":"brick"})",
                             R"({"action":"subscribe","hostname":7})",
                             R"({"action":"subscribe","hostname":""})"});
  EXPECT_EQ(errors(*devices),
            (std::vector<std::string>{"Unknown action: dance",
                                      "Unknown action: ",
                                      "hostname must be a name",
                                      "no host has this name: "}));
  const auto uptime = open("/api/uptime/ws",
                           {R"({"action":"dance"})",
                            R"({"action":"subscribe","since":"yesterday"})",
                            R"({"action":"subscribe","services":"notes"})",
                            R"({"action":"unsubscribe","service":"notes"})"});
  EXPECT_EQ(
      errors(*uptime),
      (std::vector<std::string>{"since must be the id of an event",
                                "services must be a list",
                                "all services come: subscribe to those that you want instead"}));
}

TEST_F(Sockets, DevicesTellNothingBeforeASubscription) {
  const auto socket = open("/ws/devices", {"ping"});
  EXPECT_EQ(socket->frames.at(0)["message"], "Connected to device events stream");
  EXPECT_EQ(of_type(*socket, "pong").size(), 2U);
  const auto before = socket->frames.size();
  tell_of_notes(1);
  devices_socket_->liveness_changed(
      "brick", fleet::Liveness::stale, fleet::Liveness::offline, clock_.now());
  EXPECT_EQ(socket->frames.size(), before);
}

TEST_F(Sockets, DevicesTellHowTheyStandAndWhatChanges) {
  const auto all = open("/ws/devices", {R"({"action":"subscribe"})"});
  const auto one = open("/ws/devices", {R"({"action":"subscribe","hostname":"brick"})"});
  const auto other = open("/ws/devices", {R"({"action":"subscribe","hostname":"slate"})"});
  const auto none =
      open("/ws/devices", {R"({"action":"subscribe"})", R"({"action":"unsubscribe"})"});
  EXPECT_EQ(frame_of(*all, "subscribed")["hostname"], "*");
  EXPECT_EQ(frame_of(*one, "subscribed")["hostname"], "brick");
  EXPECT_EQ(frame_of(*none, "unsubscribed")["hostname"], "*");
  const auto rows = frame_of(*all, "device_list")["devices"];
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["hostname"], "brick");
  EXPECT_EQ(rows[0]["ip"], "127.0.0.1");
  EXPECT_EQ(rows[0]["status"], "online");
  EXPECT_EQ(frame_of(*other, "device_list")["devices"], Json::array());

  using fleet::Liveness;
  devices_socket_->liveness_changed("brick", Liveness::online, Liveness::stale, clock_.now());
  devices_socket_->liveness_changed("brick", Liveness::stale, Liveness::offline, clock_.now());
  devices_socket_->liveness_changed("brick", Liveness::offline, Liveness::online, clock_.now());
  devices_socket_->liveness_changed("brick", Liveness::online, Liveness::stale, clock_.now());
  devices_socket_->liveness_changed("brick", Liveness::stale, Liveness::online, clock_.now());
  for (const auto& socket : {all, one}) {
    EXPECT_EQ(of_type(*socket, "device_status_change").size(), 5U);
    ASSERT_EQ(of_type(*socket, "device_offline").size(), 1U);
    const auto offline = of_type(*socket, "device_offline")[0];
    EXPECT_EQ(offline["hostname"], "brick");
    EXPECT_EQ(offline["old_status"], "warning");
    EXPECT_EQ(offline["status"], "offline");
    EXPECT_EQ(offline["reason"], "heartbeat_timeout");
    ASSERT_EQ(of_type(*socket, "device_online").size(), 1U) << "being late is not being away";
  }
  EXPECT_EQ(of_type(*other, "device_status_change").size(), 0U);
  EXPECT_EQ(of_type(*none, "device_status_change").size(), 0U);
}

TEST_F(Sockets, DevicesTellWhatTheFleetSaysOfThem) {
  const auto socket = open("/ws/devices", {R"({"action":"subscribe","hostname":"slate"})"});
  fleet::DeviceEvent event;
  event.hostname = "slate";
  event.ip = "127.0.0.2";
  event.status = "pending";
  event.approval_required = true;
  for (const auto* type : {"device_registered",
                           "device_approved",
                           "device_rejected",
                           "device_updated",
                           "device_heartbeat",
                           "device_deregistered"}) {
    event.type = type;
    live_.on_device(event);
    ASSERT_EQ(of_type(*socket, type).size(), 1U) << type;
    const auto frame = of_type(*socket, type)[0];
    EXPECT_EQ(frame["hostname"], "slate");
    EXPECT_EQ(frame["ip"], "127.0.0.2");
    EXPECT_EQ(frame["status"], "pending");
    EXPECT_EQ(frame["approval_required"], true);
    EXPECT_TRUE(frame["last_seen_at"].is_null());
    EXPECT_THAT(declared("/ws/devices"), testing::Contains(type));
  }
  const auto before = socket->frames.size();
  event.hostname = "brick";
  live_.on_device(event);
  EXPECT_EQ(socket->frames.size(), before) << "of another host";
}

/// Whatever under this value looks like a moment.
void expect_times_in_utc(const Json& value, const std::string& where) {
  if (value.is_structured()) {
    for (const auto& [key, inner] : value.items()) expect_times_in_utc(inner, where + "." + key);
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const bool is_time = text.size() >= 19 && text[4] == '-' && text[10] == 'T' && text[13] == ':';
    EXPECT_TRUE(!is_time || text.back() == 'Z') << where << ": " << text;
  }
}

TEST_F(Sockets, EveryMomentInEveryFrameEndsInZ) {
  storage::EventRecord event;
  event.id = 17;
  event.time = clock_.now();
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.machine = "brick";
  event.metadata = R"({"exit_code":137,"planned":false,"deep":{"a":[1]}})";
  const auto metrics = open("/api/metrics/ws",
                            {R"({"action":"subscribe","subscriptions":["*@*"]})",
                             R"({"action":"get_current","service":"notes","machine":"brick"})"});
  const auto devices = open("/ws/devices", {R"({"action":"subscribe"})"});
  const auto uptime = open("/api/uptime/ws", {R"({"action":"subscribe","since":0})"});
  const auto all = open("/ws", {});
  uptime_socket_->event_arrived(event);
  deployment_socket_->event_arrived(event);
  for (telemetry::LiveListener* listener :
       {static_cast<telemetry::LiveListener*>(devices_socket_.get()),
        static_cast<telemetry::LiveListener*>(deployment_socket_.get())}) {
    listener->liveness_changed(
        "brick", fleet::Liveness::stale, fleet::Liveness::offline, clock_.now());
  }
  frame_of(*all, "device_status_change");
  const std::map<std::string, PlayedSocket*> sockets{{"/api/metrics/ws", metrics.get()},
                                                     {"/ws/devices", devices.get()},
                                                     {"/api/uptime/ws", uptime.get()},
                                                     {"/ws", all.get()}};
  for (const auto& [path, socket] : sockets) {
    for (const auto& frame : socket->frames) {
      ASSERT_TRUE(frame.contains("timestamp")) << dump(frame);
      const auto type = frame["type"].get<std::string>();
      expect_times_in_utc(frame, type);
      EXPECT_THAT(declared(path), testing::Contains(type)) << path;
    }
  }
  const auto shown = frame_of(*all, "uptime_event")["event"]["metadata"];
  EXPECT_EQ(shown["exit_code"], 137);
  EXPECT_EQ(shown["planned"], "false") << "the UI shows false as nothing";
  EXPECT_TRUE(shown["deep"].is_string()) << "the UI cannot show an object";
}

/// What an agent sends is any bytes.
TEST_F(Sockets, AnEventThatIsNoTextEndsNobody) {
  storage::EventRecord event;
  event.scope = "service";
  event.event_type = "failure";
  event.service = "notes";
  event.machine = "brick";
  event.details = "exit \xff 137";
  event.metadata = "{\"image\":\"\xc3\x28\"}";
  const auto uptime = open("/api/uptime/ws", {});
  const auto all = open("/ws", {});
  for (event.id = 1; event.id <= 2; ++event.id) {
    uptime_socket_->event_arrived(event);
    deployment_socket_->event_arrived(event);
    event.details = "exit 1";
  }
  for (const auto& socket : {uptime, all}) {
    step_until([&] { return of_type(*socket, "uptime_event").size() == 2; });
    EXPECT_EQ(of_type(*socket, "uptime_event")[1]["event"]["details"], "exit 1");
  }
}

TEST_F(Sockets, UptimeIsSilentAfterUnsubscribing) {
  storage::EventRecord event;
  event.scope = "service";
  event.event_type = "start";
  event.service = "notes";
  event.machine = "brick";
  const auto socket = open("/api/uptime/ws",
                           {R"({"action":"subscribe","services":["notes","wiki"]})",
                            R"({"action":"unsubscribe","service":"wiki"})"});
  event.id = 1;
  uptime_socket_->event_arrived(event);
  event.id = 2;
  event.service = "wiki";
  uptime_socket_->event_arrived(event);
  ASSERT_EQ(of_type(*socket, "uptime_event").size(), 1U);
  EXPECT_EQ(of_type(*socket, "uptime_event")[0]["id"], 1);
  const auto silent = open("/api/uptime/ws", {R"({"action":"unsubscribe"})"});
  event.id = 3;
  uptime_socket_->event_arrived(event);
  EXPECT_EQ(of_type(*silent, "uptime_event").size(), 0U);
}

}  // namespace
}  // namespace portoser::api
