#include "controller/fleet/fleet.h"

#include "common/describe_json.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/fleet/assigned_service.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

namespace portoser::fleet {
namespace {

/// How long after a command's own limit its result may still come: the agent counts from when it
/// got the command, ends it gently, and then looks whether what it started stays up.
constexpr std::chrono::seconds result_grace{150};
constexpr std::chrono::milliseconds publish_pace{50};
constexpr std::chrono::seconds presence_period{1};
/// Of the core thread, however busy; after a longer one it was stopped, or the machine slept.
constexpr std::chrono::seconds longest_pause{4};

}  // namespace

Fleet::Fleet(FleetSettings settings,
             storage::Database& database,
             registry::RegistryWatch& registry,
             const Clock& clock,
             asio::any_io_executor executor,
             Listener& listener)
    : settings_(std::move(settings)),
      registry_(registry),
      clock_(clock),
      executor_(std::move(executor)),
      listener_(listener),
      device_store_(database),
      event_store_(database),
      presence_(settings_.limits, clock.uptime()),
      recorder_(
          event_store_,
          executor_,
          [this](const std::string& id, protocol::Ack ack) { acknowledge(id, std::move(ack)); }),
      dispatch_([this](const std::string& host,
                       const protocol::Command& command) { send_to(host, command); },
                [this](const std::string& host, const protocol::Cancel& cancel) {
                  send_to(host, cancel);
                }),
      inquiries_([this](const std::string& host, const protocol::Question& question) {
        send_to(host, question);
      }),
      streams_([this](const std::string& host, const StreamMessage& message) {
        return send_stream(host, message);
      }),
      joining_(database, settings_.approval_required, clock),
      tasks_(executor_),
      devices_(std::make_shared<const Devices>()),
      failed_(executor_, asio::steady_timer::time_point::max()) {}

asio::awaitable<void> Fleet::start() {
  const auto records = co_await device_store_.all();
  for (const auto& record : records) {
    if (record.state == "removed") continue;
    remember(record);
    recorder_.resume(record.id, record.spool_epoch, record.acked_sequence);
  }
  // An event is shown before its commit. After a crash such an id must not be given to another
  // event, or a client that asks for "what came after" would miss it. So ids begin at each start
  // with the milliseconds of the wall clock, which more events never catch up with; the leap is for
  // a clock that was set back.
  constexpr std::int64_t leap = 10000;
  const auto now_ms = to_unix_us(clock_.now()) / 1000;
  recorder_.start_at(std::max(co_await event_store_.last_id() + leap, now_ms));
  for (auto& [device, origin] : co_await event_store_.newest_origins()) {
    recorder_.know(device, std::move(origin));
  }
  KeySet known;
  for (const auto& [key, member] : members_) {
    if (may_connect(member)) known.insert(key);
  }
  gateway_ = std::make_unique<Gateway>(
      settings_.gateway,
      std::move(known),
      clock_,
      executor_,
      [this](std::vector<Inbound> batch) { receive(std::move(batch)); },
      [this](Error error) {
        failure_ = std::move(error);
        failed_.cancel();
      });
  publish();
  presence_checked_at_ = clock_.uptime();
  tasks_.spawn("presence", keep_presence());
  log::info("fleet",
            "waiting for agents",
            {{"address", settings_.gateway.address},
             {"port", gateway_->port()},
             {"devices", members_.size()}});
}

asio::awaitable<void> Fleet::stop() {
  for (const auto& [key, member] : members_) {
    const protocol::Goodbye goodbye{"stopping", "the controller is stopping"};
    send(member, goodbye);
  }
  tasks_.stop();
  recorder_.stop();
  co_await tasks_.join();
  co_await recorder_.join();
  stopped_ = true;  // what the gateway has posted and not yet told comes too late
  gateway_.reset();
}

asio::awaitable<protocol::CommandResult> Fleet::run(std::string host,
                                                    protocol::Command command,
                                                    Dispatch::OnOutput on_output,
                                                    bool cancelled) {
  if (!command.adopt_only) {
    require_online(host);
  }
  return dispatch_.run(
      std::move(host), std::move(command), result_grace, std::move(on_output), cancelled);
}

asio::awaitable<Bytes> Fleet::ask_for(std::string host,
                                      std::string name,
                                      Bytes arguments,
                                      std::chrono::milliseconds limit) {
  require_online(host);
  if (!knows(host, name)) {
    throw Error{Code::unavailable, "the agent of \"" + host + "\" cannot answer this", "machine"}
        .reason("AGENT_TOO_OLD")
        .hint("upgrade it; or its program portoser-inspect is missing, which its log says");
  }
  protocol::Question question;
  question.id = make_ulid(clock_.now());
  question.name = std::move(name);
  question.duration_ms = limit.count();
  question.arguments = std::move(arguments);
  co_return co_await inquiries_.ask(std::move(host), std::move(question));
}

void Fleet::cancel(const std::string& command_id) {
  dispatch_.cancel(command_id);
}

void Fleet::receive(std::vector<Inbound> batch) {
  if (stopped_) return;
  for (auto& inbound : batch) {
    follow_wall_clock(inbound.received);
    const auto found = members_.find(inbound.key);
    // Removed or disabled since the gateway took it.
    if (found == members_.end() || !may_connect(found->second)) continue;
    take(found->second, inbound);
  }
}

void Fleet::take(Member& member, Inbound& inbound) {
  auto& body = std::get<protocol::AnyMessage>(inbound.envelope.body);
  if (const auto* hello = std::get_if<protocol::Hello>(&body)) {
    on_hello(member, *hello, inbound);
    return;
  }
  // Only the connection that was welcomed counts; an older one of the same key is not listened to.
  if (inbound.route != member.route || !member.welcomed) {
    drop_unwelcome(member);
    return;
  }
  member.device.change().last_seen = inbound.received.wall;
  if (const auto change = presence_.seen(member.device->id, clock_.uptime())) changed(*change);

  if (auto* sample = std::get_if<protocol::Sample>(&body)) {
    if (inbound.round_trip) round_trips_.set(member.device->name, *inbound.round_trip);
    auto& newest = member.newest_sample;
    // What was measured before the hello waited for it: its age says nothing about the clocks.
    const bool is_live =
        sample->when.boot_id == member.boot_id &&
        sample->when.uptime_ns >= member.hello_uptime_ns &&
        !member.clock.is_of_the_future(sample->when, inbound.received) &&
        (newest.boot_id != member.boot_id || sample->when.uptime_ns > newest.uptime_ns);
    if (is_live) {
      newest = sample->when;
      member.clock.observe(sample->when, inbound.received);
    }
    const auto when = member.clock.time_of(sample->when, inbound.received);
    sample->boot_time_us = corrected_wall_us(sample->boot_time_us, sample->when, when.time);
    if (is_live) {
      listener_.on_sample(member.device->name, when.time, std::move(*sample));
      tell_heartbeat(member);
    } else {
      listener_.on_late_sample(member.device->name, when.time, std::move(*sample));
    }
  } else if (auto* state = std::get_if<protocol::State>(&body)) {
    member.clock.observe(state->when, inbound.received);
    // What was installed or upgraded since the hello.
    auto facts = member.device->facts;
    if (!state->engine_version.empty()) facts.engine_version = state->engine_version;
    if (!state->compose_version.empty()) facts.compose_version = state->compose_version;
    if (facts != member.device->facts) learn(member, std::move(facts));
    // It may have lain in a queue, and the age of a silent engine in it is of when it was sent.
    const auto when = member.clock.time_of(state->when, inbound.received);
    listener_.on_state(member.device->name, when.time, std::move(*state));
  } else if (const auto* event = std::get_if<protocol::Event>(&body)) {
    auto record = to_record(*event);
    if (on_durable(member, record, event->when, inbound.received)) listener_.on_event(record);
  } else if (const auto* result = std::get_if<protocol::CommandResult>(&body)) {
    auto record = to_record(*result);
    const bool is_new = on_durable(member, record, result->when, inbound.received);
    // A command that was repeated is answered again; whoever waits for it may not have seen the
    // first.
    const bool is_awaited = dispatch_.result(member.device->name, *result);
    if (is_new && !is_awaited) listener_.on_late_result(record);
  } else if (const auto* progress = std::get_if<protocol::Progress>(&body)) {
    dispatch_.progress(member.device->name, *progress);
  } else if (auto* answer = std::get_if<protocol::Answer>(&body)) {
    inquiries_.answer(member.device->name, std::move(*answer));
  } else if (const auto* goodbye = std::get_if<protocol::Goodbye>(&body)) {
    log::info("fleet",
              "an agent left",
              {{"host", member.device->name}, {"reason", goodbye->reason.substr(0, 64)}});
    member.welcomed = false;
    member.left_route = std::exchange(member.route, {});
    streams_.lose_host(member.device->name, "the agent of one of its hosts has left");
    if (const auto change = presence_.left(member.device->id)) changed(*change);
  } else {
    take_of_stream(member.device->name, body);
  }
}

void Fleet::learn(Member& member, protocol::HostFacts facts) {
  registrations_.updated("facts");
  member.device.change().facts = std::move(facts);
  publish_soon();
  const auto& device = *member.device;
  tasks_.spawn("facts", update_facts(device.id, dump(to_json(device.facts)), device.agent_version));
}

bool Fleet::on_durable(Member& member,
                       storage::EventRecord& record,
                       const protocol::Moment& when,
                       const Receipt& received) {
  const auto time = member.clock.time_of(when, received);
  record.device_id = member.device->id;
  record.spool_epoch = member.spool_epoch;
  record.machine = member.device->name;
  record.time = time.time;
  record.time_estimated = time.estimated;
  return recorder_.take(member.device->id, record);
}

void Fleet::assign(Member& member) {
  const auto registry = registry_.snapshot()->registry;
  protocol::Assign message;
  message.revision = registry->revision;
  for (const auto* service : registry->services_on(member.device->name)) {
    if (service->quarantined()) continue;
    message.services.push_back(assigned_service(*registry, *service));
  }
  if (!member.assigned || member.assigned->services != message.services) {
    send(member, message);
    member.assigned = std::move(message);
  }
}

asio::awaitable<std::int64_t> Fleet::add_note(storage::EventRecord note) {
  note.id = recorder_.give_id();
  note.device_id.clear();
  std::vector<storage::EventRecord> notes{note};
  co_await event_store_.append(std::move(notes));
  // Unlike what hosts tell, nobody tells it again when it could not be stored. So it is shown
  // afterwards, though events with later ids may have been shown meanwhile.
  listener_.on_event(note);
  co_return note.id;
}

void Fleet::assign_all() {
  for (auto& [key, member] : members_) {
    if (member.welcomed) assign(member);
  }
}

template <class Message>
void Fleet::send_to(const std::string& host, const Message& message) {
  const auto* member = by_name(host);
  if (member != nullptr && member->welcomed) {
    send(*member, message);
  }
}

void Fleet::acknowledge(const std::string& device_id, protocol::Ack ack) {
  if (const auto* member = by_id(device_id)) send(*member, ack);
}

void Fleet::changed(const LivenessChange& change) {
  auto* member = by_id(change.device_id);
  if (member == nullptr) return;
  auto& device = member->device.change();
  device.liveness = change.after;
  if (change.after == Liveness::offline) {
    device.connected_since.reset();
    streams_.lose_host(device.name, "one of its hosts is silent");
  }
  log::info("fleet",
            "a host changed its state",
            {{"host", device.name},
             {"before", enum_name(change.before)},
             {"after", enum_name(change.after)}});
  publish_soon();
  listener_.on_liveness(device.name, change.before, change.after, device.last_seen);
}

asio::awaitable<Error> Fleet::wire_failure() {
  while (!failure_) {
    boost::system::error_code cancelled;
    co_await failed_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_return *failure_;
}

/// Publishing goes through all devices. A change that comes alone is shown at once; of thousands,
/// when a large fleet comes back, those of a moment are shown together.
void Fleet::publish_soon() {
  if (std::exchange(will_publish_, true)) return;
  tasks_.spawn("publish devices", publish_next());
}

asio::awaitable<void> Fleet::publish_next() {
  const auto due = published_ + publish_pace;
  const auto now = clock_.uptime();
  if (published_ > Uptime{0} && due > now) {
    co_await pause(due - now);
  } else {
    co_await asio::post(executor_, asio::use_awaitable);
  }
  will_publish_ = false;
  publish();
}

void Fleet::publish() {
  published_ = clock_.uptime();
  auto devices = std::make_shared<Devices>();
  // In the order of their names: each goes to the end.
  for (const auto& [name, member] : member_of_name_) {
    devices->emplace_hint(devices->end(), name, member->device.share());
  }
  devices_.store(std::move(devices));
}

/// The times of hosts that are quiet just now stay as far back as they were, and no host that was
/// heard a second ago looks as if that were an hour, or yet to come.
void Fleet::follow_wall_clock(const Receipt& now) {
  const auto by = wall_watch_.check(now);
  if (by == std::chrono::microseconds{0}) return;
  log::warn("fleet",
            "the wall clock was set",
            {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(by).count()}});
  for (auto& [key, member] : members_) {
    auto& device = member.device.change();
    if (device.last_seen) *device.last_seen += by;
    if (device.connected_since) *device.connected_since += by;
  }
  listener_.on_clock_set(by);
  publish_soon();
}

asio::awaitable<void> Fleet::keep_presence() {
  std::map<std::string, Time> stored;
  for (int round = 0;; ++round) {
    const auto slept = clock_.uptime();
    co_await pause(presence_period);
    const auto passed = clock_.uptime() - slept;
    if (passed > longest_pause) {
      log::warn("fleet",
                "the controller was stopped for a while: that counts against no host",
                {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(passed).count()}});
      presence_.was_away(passed - presence_period, clock_.uptime());
    }
    follow_wall_clock({clock_.now(), clock_.uptime()});
    for (const auto& change : presence_.check(clock_.uptime())) changed(change);
    presence_checked_at_ = clock_.uptime();
    refusals_.tell_due(clock_.uptime());
    forget_copies();
    publish();  // last_seen moves
    if (round % 60 != 59) continue;
    // A restart should know when a host was last there; a minute's exactness is enough for that.
    std::vector<storage::DeviceSeen> seen;
    for (const auto& [key, member] : members_) {
      const auto& last = member.device->last_seen;
      if (last && stored[member.device->id] != *last) {
        seen.push_back({member.device->id, *last});
        stored[member.device->id] = *last;
      }
    }
    try {
      co_await device_store_.touch(std::move(seen));
    } catch (const Error& error) {
      log::warn("fleet", "last-seen times could not be stored", {{"reason", error.what()}});
    }
  }
}

asio::awaitable<void> Fleet::update_facts(std::string id, std::string facts, std::string version) {
  try {
    co_await device_store_.update_facts(std::move(id), std::move(facts), std::move(version));
  } catch (const Error& error) {
    log::warn("fleet", "facts of a device could not be stored", {{"reason", error.what()}});
  }
}

}  // namespace portoser::fleet
