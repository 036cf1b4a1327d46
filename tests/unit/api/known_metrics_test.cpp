// What a client of the metrics sockets gets of a whole fleet when it subscribes.

#include "tests/unit/api/api_fixture.h"
#include "tests/unit/api/slow_socket.h"
#include "tests/unit/telemetry/played_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace portoser::api {
namespace {

constexpr int services_a_host = 20;

class KnownMetrics : public ApiTest {
 protected:
  ~KnownMetrics() override {
    if (!client_) return;
    client_->hang_up();
    step_until([&] { return client_->handled; });
  }

  static std::string host(int number) { return fmt::format("h{:03}", number); }

  /// All have been measured once.
  void make_fleet(int hosts) {
    std::string text = "hosts:\n";
    for (int i = 0; i < hosts; ++i) {
      text += fmt::format("  {}: {{ip: 127.0.{}.{}}}\n", host(i), i / 200, i % 200 + 1);
    }
    text += "services:\n";
    for (int i = 0; i < hosts * services_a_host; ++i) {
      text += fmt::format("  s{}: {{current_host: {}, docker_compose: /srv/s/compose.yml}}\n",
                          i,
                          host(i / services_a_host));
    }
    write_file_atomic(folder_ / "fleet.yml", text);
    fleet_registry_ = std::make_unique<registry::RegistryWatch>(
        context_.get_executor(), folder_ / "fleet.yml", clock_);
    socket_ = std::make_unique<MetricsSocket>(*fleet_registry_, fleet_live_, clock_);
    socket_->add_to(fleet_router_);
    fleet_live_.add_listener(*socket_);
    for (int i = 0; i < hosts; ++i) {
      protocol::State state;
      state.engine_available = true;
      for (int n = 0; n < services_a_host; ++n) {
        protocol::ServiceState service;
        service.name = fmt::format("s{}", i * services_a_host + n);
        service.status = "running";
        service.container_ids = {service.name};
        state.services.push_back(std::move(service));
      }
      fleet_live_.on_liveness(
          host(i), fleet::Liveness::unknown, fleet::Liveness::online, clock_.now());
      fleet_live_.on_state(host(i), clock_.now(), std::move(state));
      measure(i, 1);
    }
  }
  void measure(int number, double cpu_percent) {
    auto sample = telemetry::full_sample(1);
    sample.cpu.percent = cpu_percent;
    for (int n = 0; n < services_a_host; ++n) {
      const auto name = fmt::format("s{}", number * services_a_host + n);
      sample.containers.push_back(telemetry::container(name, 4096));
    }
    fleet_live_.on_sample(host(number), clock_.now(), std::move(sample));
  }
  /// A client that has subscribed and been given as much as may wait.
  void subscribe(std::deque<std::string> texts) {
    client_ = std::make_shared<SlowSocket>(context_.get_executor(), std::move(texts));
    asio::co_spawn(context_,
                   fleet_router_.endpoints().at(0)->socket(client_),
                   [client = client_](const std::exception_ptr&) { client->handled = true; });
    idle();
  }
  /// Until nothing goes on without the client.
  void idle() {
    context_.restart();
    while (context_.poll() > 0) {
    }
  }
  void read_all(std::size_t at_once) {
    do {
      idle();
    } while (client_->read(at_once) > 0);
  }
  [[nodiscard]] std::map<std::string, int> counted(std::string_view type, const char* of) const {
    std::map<std::string, int> counts;
    for (const auto& text : client_->received) {
      if (last_value(*text, "type") == type) ++counts[last_value(*text, of)];
    }
    return counts;
  }
  /// The keys of a frame stand in their order, so that what is within "data" and "metrics" comes
  /// before "service" and "type".
  static std::string last_value(const std::string& text, std::string_view key) {
    const auto before = fmt::format("\"{}\":\"", key);
    const auto found = text.rfind(before);
    if (found == std::string::npos) return {};
    const auto begin = found + before.size();
    return text.substr(begin, text.find('"', begin) - begin);
  }
  static bool each_once(const std::map<std::string, int>& counts) {
    return std::all_of(
        counts.begin(), counts.end(), [](const auto& entry) { return entry.second == 1; });
  }

  telemetry::Live fleet_live_;
  std::unique_ptr<registry::RegistryWatch> fleet_registry_;
  std::unique_ptr<MetricsSocket> socket_;
  http::Router fleet_router_;
  std::shared_ptr<SlowSocket> client_;
};

const std::string everything = R"({"action":"subscribe","subscriptions":["*@*"]})";

TEST_F(KnownMetrics, OfALargeFleetComeToAClientThatReadsSlowly) {
  constexpr int hosts = 500;
  make_fleet(hosts);
  subscribe({everything, R"({"action":"ping"})"});
  read_all(300);
  EXPECT_FALSE(client_->closed());
  const auto machines = counted("machine_metrics_update", "machine");
  const auto services = counted("metrics_update", "service");
  EXPECT_EQ(machines.size(), std::size_t{hosts});
  EXPECT_EQ(services.size(), std::size_t{hosts * services_a_host});
  EXPECT_TRUE(each_once(machines));
  EXPECT_TRUE(each_once(services));
  ASSERT_GT(client_->received.size(), 2U);
  EXPECT_EQ(last_value(*client_->received.at(1), "type"), "subscribed");
  EXPECT_EQ(last_value(*client_->received.back(), "type"), "pong");
}

TEST_F(KnownMetrics, DoNotComeBesideANewerSample) {
  constexpr int hosts = 100;
  make_fleet(hosts);
  subscribe({everything});
  measure(hosts - 1, 2);  // its turn has not come
  read_all(100);
  const auto machines = counted("machine_metrics_update", "machine");
  EXPECT_EQ(machines.size(), std::size_t{hosts});
  EXPECT_TRUE(each_once(machines));
  for (const auto& text : client_->received) {
    if (last_value(*text, "type") != "machine_metrics_update") continue;
    const auto frame = Json::parse(*text);
    if (frame["machine"] != host(hosts - 1)) continue;
    EXPECT_EQ(frame["metrics"]["cpu_percent"], 2);
  }
}

TEST_F(KnownMetrics, OfAHostThatWasRemovedMeanwhileDoNotCome) {
  constexpr int hosts = 100;
  make_fleet(hosts);
  subscribe({everything});
  fleet::DeviceEvent gone;
  gone.type = "device_deregistered";
  gone.hostname = host(hosts - 1);
  fleet_live_.on_device(gone);
  read_all(100);
  const auto machines = counted("machine_metrics_update", "machine");
  EXPECT_EQ(machines.size(), std::size_t{hosts - 1});
  EXPECT_FALSE(machines.contains(host(hosts - 1)));
}

TEST_F(KnownMetrics, EndWithTheSocket) {
  make_fleet(100);
  subscribe({everything});
  client_->hang_up();
  step_until([&] { return client_->handled; });
  const auto waiting = client_->read(100'000);
  EXPECT_LT(waiting, 1100U) << "it went on for a client that is gone";
}

TEST_F(KnownMetrics, AreThoseOfTheSampleThatIsAskedFor) {
  MetricsFrames frames{*registry_, clock_};
  const auto older = live_.host("brick");
  tell_of_notes(1);
  const auto newer = live_.host("brick");
  ASSERT_NE(older->sample, newer->sample);
  for (const auto& live : {older, newer, older}) {
    const auto made = frames.of("brick", *live);
    ASSERT_TRUE(made);
    const auto frame = Json::parse(*made->text);
    EXPECT_EQ(frame["metrics"]["timestamp"], to_rfc3339(live->sample_at));
  }
}

}  // namespace
}  // namespace portoser::api
