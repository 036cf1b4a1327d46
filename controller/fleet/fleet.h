/// The fleet: every device, its connection, what it says and what it is told. Owns the gateway. All
/// state lives on one executor (a strand); methods are called there unless they say "any thread".
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/fleet/challengers.h"
#include "controller/fleet/device.h"
#include "controller/fleet/device_changes.h"
#include "controller/fleet/dispatch.h"
#include "controller/fleet/gateway.h"
#include "controller/fleet/heartbeat_counts.h"
#include "controller/fleet/host_clock.h"
#include "controller/fleet/inquiries.h"
#include "controller/fleet/joining.h"
#include "controller/fleet/listener.h"
#include "controller/fleet/presence.h"
#include "controller/fleet/recorder.h"
#include "controller/fleet/refusals.h"
#include "controller/fleet/registration_counts.h"
#include "controller/fleet/round_trips.h"
#include "controller/fleet/streams.h"
#include "controller/registry/watch.h"
#include "controller/storage/database.h"
#include "controller/storage/device_store.h"
#include "protocol/codec.h"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::fleet {

struct FleetSettings {
  GatewaySettings gateway;
  std::string public_key;          ///< the controller's own, Z85
  std::string advertised_address;  ///< what agents connect to; the port is the gateway's
  std::chrono::milliseconds sample_interval{5000};
  PresenceLimits limits;
  /// Of hosts without an agent, which are expected to send a heartbeat every minute or two.
  Patience heartbeat_patience{std::chrono::minutes{3}, std::chrono::minutes{5}};
  bool approval_required = false;        ///< hosts with a token wait for an admin too
  std::string join_url;                  ///< of the joining listener
  std::string public_url;                ///< of the web surface as people reach it; may be empty
  std::string network = "192.0.2.0/24";  ///< of hosts whose address says nothing
  /// A copy of a host that was kept out is told of for so long. It tries again every 5 minutes.
  std::chrono::milliseconds copies_told{std::chrono::minutes{11}};
};

class Fleet {
 public:
  Fleet(FleetSettings settings,
        storage::Database& database,
        registry::RegistryWatch& registry,
        const Clock& clock,
        asio::any_io_executor executor,
        Listener& listener);

  /// As `Joining::add_hosts_by`.
  void add_hosts_by(NewHosts& new_hosts) { joining_.add_hosts_by(new_hosts); }

  /// Reads the devices and opens the gateway.
  asio::awaitable<void> start();
  /// Tells every agent goodbye and ends the background work.
  asio::awaitable<void> stop();

  /// How often agents measure, from now on; those that are connected are told at once.
  void set_sample_interval(std::chrono::milliseconds interval);

  /// Where all methods are called.
  [[nodiscard]] asio::any_io_executor executor() const { return executor_; }

  /// Waits for as long as agents can be heard; then says why they cannot.
  asio::awaitable<Error> wire_failure();

  asio::awaitable<RegistrationAnswer> join(RegistrationRequest request);

  // Devices as people and hosts without an agent change them (fleet_devices.cpp). No device of that
  // name: `Error{not_found}`, DEVICE_UNKNOWN; an actor who may not: `Error{forbidden}`.
  /// Lets it in. `Error{conflict}`: HOST_NOT_IN_REGISTRY.
  asio::awaitable<std::shared_ptr<const Device>> approve(std::string name, Actor actor);
  /// Keeps it out. One that was approved: `Error{conflict}`, DEVICE_APPROVED.
  asio::awaitable<std::shared_ptr<const Device>> reject(std::string name, Actor actor);
  asio::awaitable<Updated> update(std::string name, DeviceUpdate update, Actor actor);
  asio::awaitable<Transferred> transfer(std::string name, std::string new_owner, Actor actor);
  /// Its key is refused from now on, its connection ends, what is under way on it is given up.
  /// Services are on it and it is not `force`: `Error{bad_request}`, DEVICE_IN_USE.
  asio::awaitable<Removal> remove(std::string name, RemovalWish wish, Actor actor);
  /// `Error{unauthenticated}`: CREDENTIAL_MISSING, CREDENTIAL_WRONG; `Error{forbidden}`:
  /// DEVICE_PENDING, DEVICE_REJECTED, DEVICE_DISABLED; `Error{rate_limited}`.
  asio::awaitable<Heartbeat> heartbeat(std::string name, std::string credential, ReportedUse use);
  [[nodiscard]] Discovery discovery() const;  ///< any thread

  /// Runs a command on a host. A host that is away or has no agent: `Error{unavailable}`,
  /// AGENT_OFFLINE or AGENT_MISSING, at once. `cancelled`: as by `cancel`.
  asio::awaitable<protocol::CommandResult> run(std::string host,
                                               protocol::Command command,
                                               Dispatch::OnOutput on_output,
                                               bool cancelled = false);
  /// Asks the host to end it; the command then ends with a result. Unknown ids are ignored.
  void cancel(const std::string& command_id);
  /// Asks a host, which answers within `limit` and changes nothing. A host that is away: as `run`;
  /// one that does not know the question: `Error{unavailable}`, AGENT_TOO_OLD; one that says
  /// nothing: AGENT_SILENT; else what the host itself says.
  template <class Asked>
  asio::awaitable<typename Asked::Answer> ask(std::string host,
                                              Asked question,
                                              std::chrono::milliseconds limit) {
    auto arguments = protocol::encode_arguments(question);
    std::string name{Asked::name};
    const auto content =
        co_await ask_for(std::move(host), std::move(name), std::move(arguments), limit);
    co_return protocol::decode_arguments<typename Asked::Answer>(content);
  }
  /// Of programs of two hosts. Their streams break when one of them connects anew, goes away or is
  /// removed.
  [[nodiscard]] Streams& streams() { return streams_; }
  /// Whether the host's agent, as it said hello last, knows a command or question. No agent: false.
  [[nodiscard]] bool knows(const std::string& host, std::string_view name) const;
  /// What the CLOCK_BOOTTIME of a host that is online says now; rather less than more. Else throws
  /// as `require_online`.
  [[nodiscard]] protocol::Moment uptime_of(const std::string& host) const;
  /// Throws what `run` would throw at once.
  void require_online(const std::string& host) const;

  /// Stores what a person notes beside the events, without a device, and tells the listener. Its id
  /// comes back.
  asio::awaitable<std::int64_t> add_note(storage::EventRecord note);

  /// The registry changed: agents are assigned their services anew.
  void assign_all();

  [[nodiscard]] std::shared_ptr<const Devices> devices() const {
    return devices_.load();
  }  ///< any thread
  [[nodiscard]] GatewayStats gateway_stats() const {
    return gateway_->stats();
  }  ///< any thread, once started
  [[nodiscard]] RefusalStats refusals() const { return refusals_.read(); }  ///< any thread
  [[nodiscard]] RegistrationReading registrations() const {
    return registrations_.read();
  }  ///< any thread
  [[nodiscard]] HeartbeatReading http_heartbeats() const {
    return http_heartbeats_.read();
  }  ///< any thread
  [[nodiscard]] RoundTrips::Reading round_trips() const {
    return round_trips_.read();
  }  ///< any thread
  /// When the liveness of all devices was judged last; once a second. Any thread.
  [[nodiscard]] Uptime presence_checked_at() const { return presence_checked_at_.load(); }
  [[nodiscard]] std::uint16_t wire_port() const { return gateway_->port(); }

 private:
  /// A device with what only this room needs.
  struct Member {
    SharedDevice device;
    std::string public_key;
    std::string route;       ///< of the connection in force; empty: none
    std::string left_route;  ///< of the newest that said goodbye
    std::string boot_id;
    std::string spool_epoch;
    std::int64_t hello_uptime_ns =
        0;  ///< the host's, when it said hello on the connection in force
    HostClock clock;
    std::vector<std::string> knows;  ///< as its hello says
    std::optional<protocol::Assign> assigned;
    protocol::Moment newest_sample;
    bool welcomed = false;
    Challengers challengers;
    Uptime copy_seen{0};  ///< when a copy was refused last
    std::string credential_hash;
    Uptime heartbeat_told{0};
    Uptime heartbeats_since{0};  ///< of `heartbeats`
    int heartbeats = 0;
  };

  asio::awaitable<Bytes> ask_for(std::string host,
                                 std::string name,
                                 Bytes arguments,
                                 std::chrono::milliseconds limit);
  asio::awaitable<RegistrationAnswer> admit(RegistrationRequest request);
  [[nodiscard]] RegistrationAnswer answer_to(const Member& member,
                                             const registry::Registry& registry,
                                             std::string credential) const;
  Member& remember(const storage::DeviceRecord& record);
  void watch(const Member& member);
  static bool may_connect(const Member& member);
  void open_door(const Member& member);
  void shut_door(Member& member, const protocol::Goodbye& goodbye, const Error& why);
  void forget(Member& member, const protocol::Goodbye& goodbye, const Error& why);
  Member& require_device(const std::string& name);
  Member& require_same(const std::string& device_id);
  void require_running() const;
  void tell(const std::string& type, const Device& device);
  void tell_heartbeat(Member& member);
  Heartbeat hear(Member& member, const std::string& credential, const ReportedUse& use);
  void receive(std::vector<Inbound> batch);
  void take(Member& member, Inbound& inbound);
  void learn(Member& member, protocol::HostFacts facts);
  void welcome(Member& member);
  void send_welcome(const Member& member);
  void drop_unwelcome(const Member& member);
  void refuse(const Inbound& inbound, const protocol::Goodbye& goodbye);
  void on_hello(Member& member, const protocol::Hello& hello, const Inbound& inbound);
  bool has_won(Member& member, const protocol::Hello& hello, const Inbound& inbound);
  void forget_copies();
  /// False: it was taken before.
  bool on_durable(Member& member,
                  storage::EventRecord& record,
                  const protocol::Moment& when,
                  const Receipt& received);
  template <class Message>
  void send(const Member& member, const Message& message) {
    if (!member.route.empty()) {
      gateway_->send(member.route, protocol::encode(message, next_message_++));
    }
  }
  void assign(Member& member);
  template <class Message>
  void send_to(const std::string& host, const Message& message);
  void take_of_stream(const std::string& host, protocol::AnyMessage& message);
  bool send_stream(const std::string& host, const StreamMessage& message);
  void acknowledge(const std::string& device_id, protocol::Ack ack);
  void changed(const LivenessChange& change);
  void publish();
  void publish_soon();
  asio::awaitable<void> publish_next();
  Member* by_name(const std::string& host);
  Member* by_id(const std::string& device_id);
  void follow_wall_clock(const Receipt& now);
  asio::awaitable<void> keep_presence();
  asio::awaitable<void> update_facts(std::string id, std::string facts, std::string version);

  FleetSettings settings_;
  registry::RegistryWatch& registry_;
  const Clock& clock_;
  asio::any_io_executor executor_;
  Listener& listener_;
  storage::DeviceStore device_store_;
  storage::EventStore event_store_;
  Presence presence_;
  WallWatch wall_watch_;
  Recorder recorder_;
  Dispatch dispatch_;
  Inquiries inquiries_;
  Streams streams_;
  Joining joining_;
  RegistrationCounts registrations_;
  HeartbeatCounts http_heartbeats_;
  Refusals refusals_;
  RoundTrips round_trips_;
  std::atomic<Uptime> presence_checked_at_{Uptime{}};
  TaskGroup tasks_;
  std::map<std::string, Member> members_;  // by public key
  std::map<std::string, Member*> member_of_name_;
  std::map<std::string, Member*> member_of_id_;
  std::set<std::string> changing_;  // device ids
  std::atomic<std::shared_ptr<const Devices>> devices_;
  std::int64_t next_message_ = 1;
  bool stopped_ = false;
  bool will_publish_ = false;
  Uptime published_{0};
  asio::steady_timer failed_;  ///< never expires; cancelled when `failure_` is set
  std::optional<Error> failure_;
  std::unique_ptr<Gateway> gateway_;  // last: its thread posts to us
};

}  // namespace portoser::fleet
