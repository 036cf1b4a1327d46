/// The fleet on a real socket and a real database, with devices played by the test.
#pragma once

#include "common/crypto.h"
#include "common/file.h"
#include "common/ids.h"
#include "controller/fleet/fleet.h"
#include "protocol/codec.h"
#include "protocol/curve.h"
#include "protocol/join.h"
#include "protocol/questions.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <zmq.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace portoser::fleet {

using namespace std::chrono_literals;
inline constexpr auto patience = 20s;

/// The machine's clocks, of which the wall clock can be set. Any thread.
class SetClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override {
    return system_.now() + std::chrono::microseconds{by_us_.load()};
  }
  [[nodiscard]] Uptime uptime() const override { return system_.uptime(); }
  void set_by(std::chrono::microseconds by) { by_us_ += by.count(); }

 private:
  SystemClock system_;
  std::atomic<std::int64_t> by_us_{0};
};

/// What the fleet told.
class Told : public Listener {
 public:
  void on_sample(const std::string& host, Time, protocol::Sample) override {
    samples.push_back(host);
  }
  void on_late_sample(const std::string& host, Time, protocol::Sample) override {
    late_samples.push_back(host);
  }
  void on_state(const std::string& host, Time when, protocol::State) override {
    states.push_back(host);
    state_times.push_back(when);
  }
  void on_event(const storage::EventRecord& event) override { events.push_back(event); }
  void on_late_result(const storage::EventRecord& result) override {
    late_results.push_back(result);
  }
  void on_clock_set(std::chrono::microseconds by) override { clock_sets.push_back(by); }
  void on_liveness(const std::string& host,
                   Liveness,
                   Liveness after,
                   std::optional<Time> last_seen) override {
    liveness.push_back(host + " " + enum_name(after));
    last_seens.push_back(last_seen);
  }
  void on_device(const DeviceEvent& event) override {
    devices.push_back(event.type + " " + event.hostname + " " + event.status);
  }
  std::vector<std::string> devices;
  std::vector<std::string> samples;
  std::vector<std::string> late_samples;
  std::vector<std::string> states;
  std::vector<Time> state_times;  ///< of each of `states`
  std::vector<storage::EventRecord> events;
  std::vector<storage::EventRecord> late_results;
  std::vector<std::string> liveness;
  std::vector<std::chrono::microseconds> clock_sets;
  std::vector<std::optional<Time>> last_seens;  ///< with each of `liveness`
};

/// A DEALER that speaks as an agent does.
class DeviceDouble {
 public:
  DeviceDouble(zmq::context_t& context,
               std::uint16_t port,
               const protocol::KeyPair& keys,
               const std::string& controller_key)
      : socket_(context, zmq::socket_type::dealer) {
    protocol::set_common_options(socket_);
    protocol::make_curve_client(socket_, keys, controller_key);
    socket_.set(zmq::sockopt::rcvtimeo, 100);
    socket_.connect("tcp://127.0.0.1:" + std::to_string(port));
  }
  template <class Message>
  void send(const Message& message) {
    send_raw(protocol::encode(message));
  }
  void send_raw(const std::string& frame) { socket_.send(zmq::buffer(frame)); }
  /// `waits`: for a moment, when nothing is there.
  std::optional<protocol::AnyMessage> receive(bool waits = true) {
    zmq::message_t frame;
    const auto how = waits ? zmq::recv_flags::none : zmq::recv_flags::dontwait;
    if (!socket_.recv(frame, how)) return std::nullopt;
    return std::get<protocol::AnyMessage>(protocol::decode(frame.to_string_view()).body);
  }

 private:
  zmq::socket_t socket_;
};

class FleetTest : public testing::Test {
 protected:
  FleetTest()
      : folder_(std::filesystem::temp_directory_path() / ("portoser-fleet-" + random_hex(6))) {
    std::filesystem::create_directories(folder_);
    write_file_atomic(folder_ / "registry.yml",
                      "hosts:\n  brick: {ip: 127.0.0.1}\nservices:\n  notes: {current_host: brick, "
                      "docker_compose: /srv/notes/compose.yml}\n");
    open();
  }
  ~FleetTest() override {
    close();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    database_ = std::make_unique<storage::Database>(folder_ / "portoser.db", clock_);
    registry_ = std::make_unique<registry::RegistryWatch>(
        context_.get_executor(), folder_ / "registry.yml", clock_);
    FleetSettings settings;
    settings.gateway.address = "127.0.0.1";
    settings.gateway.port = 0;
    settings.gateway.secret_key = keys_.secret_key;
    settings.public_key = keys_.public_key;
    settings.advertised_address = "127.0.0.1";
    settings.limits = limits_;
    settings.copies_told = copies_told_;
    settings.approval_required = approval_required_;
    settings.heartbeat_patience = heartbeat_patience_;
    settings.join_url = "http://127.0.0.1:8991";
    fleet_ = std::make_unique<Fleet>(
        settings, *database_, *registry_, clock_, context_.get_executor(), told_);
    run(fleet_->start());
  }
  void close() {
    if (fleet_) run(fleet_->stop());
    fleet_.reset();
    registry_.reset();
    database_.reset();
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    std::exception_ptr failure;
    bool done = false;
    if constexpr (std::is_void_v<T>) {
      asio::co_spawn(context_, std::move(work), [&](const std::exception_ptr& ended) {
        failure = ended;
        done = true;
      });
      step_until([&] { return done; });
      if (failure) std::rethrow_exception(failure);
    } else {
      std::optional<T> result;
      asio::co_spawn(context_, std::move(work), [&](const std::exception_ptr& ended, T value) {
        failure = ended;
        result = std::move(value);
        done = true;
      });
      step_until([&] { return done; });
      if (failure) std::rethrow_exception(failure);
      return std::move(*result);
    }
  }
  /// Runs the fleet's executor until the condition holds; the test fails when it never does.
  template <class Condition>
  void step_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "it never happened";
      context_.restart();
      context_.run_for(5ms);
    }
  }
  template <class Message>
  Message await(DeviceDouble& device) {
    std::optional<Message> found;
    step_until([&] {
      if (auto message = device.receive()) {
        if (auto* wanted = std::get_if<Message>(&*message)) found = std::move(*wanted);
      }
      return found.has_value();
    });
    return found.value_or(Message{});
  }

  std::string make_token(std::optional<std::string> host = std::nullopt,
                         bool allow_key_change = false) {
    storage::TokenRecord record;
    record.id = random_hex(4);
    record.secret_hash = to_hex(sha256("secret"));
    record.host = std::move(host);
    record.allow_key_change = allow_key_change;
    record.created_at = clock_.now();
    storage::TokenStore store{*database_};
    run(store.insert(record));
    return record.id;
  }
  static RegistrationRequest request(const std::string& token,
                                     const protocol::KeyPair& keys,
                                     const std::string& name = "brick") {
    RegistrationRequest made;
    made.hostname = name;
    made.public_key = keys.public_key;
    made.token_id = token;
    made.proof = protocol::join_proof(sha256("secret"), name, keys.public_key);
    made.ip = "192.0.2.7";
    return made;
  }
  Error refusal(RegistrationRequest made) {
    try {
      run(fleet_->join(std::move(made)));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "the registration was accepted";
    return Error{Code::internal, ""};
  }
  void join_brick() { run(fleet_->join(request(make_token(), device_keys_))); }

  DeviceDouble connect() { return {zmq_, fleet_->wire_port(), device_keys_, keys_.public_key}; }
  static protocol::Sample sample(std::int64_t uptime_ns = 2000, std::string boot = "boot-1") {
    protocol::Sample made;
    made.when = {std::move(boot), uptime_ns, 0};
    return made;
  }
  static protocol::Hello hello(std::string boot = "boot-1", std::string epoch = "epoch-1") {
    protocol::Hello message;
    message.protocol_low = protocol::version_low;
    message.protocol_high = protocol::version_high;
    message.spool_epoch = std::move(epoch);
    message.now = {std::move(boot), 1000, 0};
    return message;
  }
  DeviceDouble welcomed() {
    auto device = connect();
    device.send(hello());
    await<protocol::Welcome>(device);
    return device;
  }

  /// A host whose agent knows these commands and questions.
  DeviceDouble knowing(std::vector<std::string> names) {
    auto device = connect();
    auto message = hello();
    message.knows = std::move(names);
    device.send(message);
    await<protocol::Welcome>(device);
    return device;
  }
  /// Answers the next question, which is this one; what was asked.
  template <class Asked>
  Asked tell(DeviceDouble& device, const typename Asked::Answer& content) {
    const auto question = await<protocol::Question>(device);
    EXPECT_EQ(question.name, Asked::name);
    protocol::Answer answer;
    answer.question_id = question.id;
    answer.succeeded = true;
    answer.content = protocol::encode_arguments(content);
    device.send(answer);
    return protocol::decode_arguments<Asked>(question.arguments);
  }

  std::filesystem::path folder_;
  SetClock clock_;
  PresenceLimits limits_;
  std::chrono::milliseconds copies_told_ = FleetSettings{}.copies_told;
  bool approval_required_ = false;
  Patience heartbeat_patience_ = FleetSettings{}.heartbeat_patience;
  asio::io_context context_{1};
  protocol::KeyPair keys_ = protocol::make_key_pair();
  protocol::KeyPair device_keys_ = protocol::make_key_pair();
  zmq::context_t zmq_;
  Told told_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<registry::RegistryWatch> registry_;
  std::unique_ptr<Fleet> fleet_;
};

}  // namespace portoser::fleet
