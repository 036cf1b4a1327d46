// How a device comes: its hello, and who is turned away.
#include "common/describe_json.h"
#include "common/log.h"
#include "common/version.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/plausible_facts.h"

#include <fmt/format.h>

namespace portoser::fleet {

void Fleet::refuse(const Inbound& inbound, const protocol::Goodbye& goodbye) {
  gateway_->send(inbound.route, protocol::encode(goodbye));
}

void Fleet::on_hello(Member& member, const protocol::Hello& hello, const Inbound& inbound) {
  if (hello.protocol_low > protocol::version_high || hello.protocol_high < protocol::version_low) {
    const protocol::Goodbye goodbye{
        "version",
        fmt::format("this controller speaks protocol {} to {}, the agent {} to {}: upgrade the {}",
                    protocol::version_low,
                    protocol::version_high,
                    hello.protocol_low,
                    hello.protocol_high,
                    hello.protocol_low > protocol::version_high ? "controller" : "agent")};
    refuse(inbound, goodbye);
    refusals_.add(Trouble::other_version,
                  fmt::format("\"{}\": {}", member.device->name, goodbye.message),
                  clock_.uptime());
    return;
  }
  const bool same_machine =
      hello.now.boot_id == member.boot_id && hello.spool_epoch == member.spool_epoch;
  const bool again = member.welcomed && inbound.route == member.route;
  // A connection is of one boot and one spool, and its goodbye is its end.
  if ((again && !same_machine) || inbound.route == member.left_route) {
    drop_unwelcome(member);
    return;
  }
  if (again) {
    // The welcome was not there yet when it asked once more.
    welcome(member);
    return;
  }
  const bool another_machine = member.welcomed && !same_machine;
  const bool may_be_there =
      another_machine && presence_.answers(member.device->id, clock_.uptime());
  if (may_be_there && !has_won(member, hello, inbound)) return;
  member.challengers.clear();
  if (another_machine) {
    // Should it be there after all: its next hello is the challenge to this one.
    gateway_->send(member.route,
                   protocol::encode(protocol::Goodbye{
                       "stopping", "another connection with this agent's key has taken over"}));
  }
  // What was on its way on the older connection is lost.
  member.welcomed = false;
  streams_.lose_host(member.device->name, "the agent of one of its hosts has connected anew");
  member.route = inbound.route;
  member.hello_uptime_ns = hello.now.uptime_ns;
  member.boot_id = hello.now.boot_id;
  member.knows = hello.knows;
  // A virtual machine that was set back to a snapshot lives on in the same boot.
  auto& newest = member.newest_sample;
  if (newest.boot_id == member.boot_id && newest.uptime_ns > member.hello_uptime_ns) newest = {};
  member.spool_epoch = hello.spool_epoch;
  member.clock.meet(hello.now, inbound.received);
  member.welcomed = true;
  auto& device = member.device.change();
  device.cloned = false;
  auto facts = plausible(hello.facts);
  const bool is_news = device.facts != facts || device.agent_version != hello.agent_version;
  if (device.facts != facts) registrations_.updated("facts");
  device.agent_version = hello.agent_version;
  device.facts = std::move(facts);
  device.last_seen = inbound.received.wall;
  device.connected_since = inbound.received.wall;

  welcome(member);
  publish_soon();
  if (is_news) {
    tasks_.spawn("facts",
                 update_facts(member.device->id, dump(to_json(device.facts)), hello.agent_version));
  }
  log::info("fleet",
            "an agent is connected",
            {{"host", member.device->name}, {"version", hello.agent_version.substr(0, 64)}});
}

/// A host that came back from a quick reboot, or a copy of its disk, which carries the key along?
/// Whoever was there is asked, and the newcomer says hello again until that is clear.
bool Fleet::has_won(Member& member, const protocol::Hello& hello, const Inbound& inbound) {
  const auto now = clock_.uptime();
  const auto since = member.challengers.waits_since(hello.now.boot_id, hello.spool_epoch, now);
  if (!since) {
    // One that measures seldom has nothing else to say for minutes; this it answers at once.
    send_welcome(member);
    return false;
  }
  if (!presence_.heard_since(member.device->id, *since)) {
    return now - *since >= settings_.limits.asked_for;
  }
  // The older connection stays in force.
  member.challengers.refused(hello.now.boot_id, hello.spool_epoch, now);
  const protocol::Goodbye goodbye{"cloned", "another machine is connected with this agent's key"};
  refuse(inbound, goodbye);
  member.copy_seen = now;
  if (!member.device->cloned) {
    member.device.change().cloned = true;
    publish();
  }
  refusals_.add(
      Trouble::two_machines,
      fmt::format(
          "\"{}\", the newcomer calls itself \"{}\"", member.device->name, hello.facts.hostname),
      now);
  return false;
}

/// A copy that was taken away does not say so.
void Fleet::forget_copies() {
  for (auto& [key, member] : members_) {
    if (member.device->cloned && clock_.uptime() - member.copy_seen > settings_.copies_told) {
      member.device.change().cloned = false;
    }
  }
}

void Fleet::send_welcome(const Member& member) {
  protocol::Welcome message;
  message.controller_version = version;
  message.device_id = member.device->id;
  message.name = member.device->name;
  message.acked_sequence = recorder_.acked(member.device->id, member.spool_epoch);
  message.sample_interval_ms = settings_.sample_interval.count();
  message.sample_boot_id = member.newest_sample.boot_id;
  message.sample_uptime_ns = member.newest_sample.uptime_ns;
  send(member, message);
}

void Fleet::welcome(Member& member) {
  send_welcome(member);
  if (const auto change = presence_.seen(member.device->id, clock_.uptime())) changed(*change);
  member.assigned.reset();
  assign(member);
  dispatch_.repeat(member.device->name);
  inquiries_.repeat(member.device->name);
}

void Fleet::set_sample_interval(std::chrono::milliseconds interval) {
  const auto before = std::exchange(settings_.sample_interval, interval);
  presence_.set_limits(presence_limits(interval, settings_.gateway.heartbeat, settings_.limits),
                       before,
                       clock_.uptime());
  // A second welcome changes nothing but this.
  for (const auto& [key, member] : members_) {
    if (member.welcomed) send_welcome(member);
  }
}

void Fleet::drop_unwelcome(const Member& member) {
  refusals_.add(Trouble::not_welcomed, "of \"" + member.device->name + "\"", clock_.uptime());
}

}  // namespace portoser::fleet
