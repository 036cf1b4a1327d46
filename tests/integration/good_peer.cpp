#include "tests/integration/good_peer.h"

#include "tests/support/await.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>
#include <variant>

namespace portoser::test {
namespace {

using namespace std::chrono_literals;

constexpr auto sample_period = 200ms;

}  // namespace

GoodPeer::GoodPeer(Enrolled who)
    : who_(std::move(who)), peer_(who_), epoch_(make_hello().spool_epoch) {
  peer_.send(make_hello());
  peer_.await<protocol::Welcome>();
  thread_ = std::thread{[this] { run(); }};
}

GoodPeer::~GoodPeer() {
  is_over_ = true;
  thread_.join();
}

void GoodPeer::run() try {
  while (!is_over_) {
    peer_.send(make_sample(cpu_percent_));
    for (; events_ < events_wanted_; ++events_) {
      protocol::Event event;
      event.sequence = ++sequence_;
      event.when = make_hello().now;
      event.scope = "container";
      event.event_type = "start";
      event.container = "lodger";
      peer_.send(event);
      event_sequence_ = event.sequence;
    }
    while (const auto message = peer_.receive(sample_period)) {
      if (const auto* command = std::get_if<protocol::Command>(&*message)) answer(*command);
      if (const auto* ack = std::get_if<protocol::Ack>(&*message)) acked_ = ack->sequence;
      if (std::holds_alternative<protocol::Goodbye>(*message)) is_lost_ = true;
    }
  }
} catch (const std::exception& failure) {
  ADD_FAILURE() << "the well-behaved peer failed: " << failure.what();
  is_lost_ = true;
}

void GoodPeer::answer(const protocol::Command& command) {
  ++commands_;
  protocol::CommandResult result;
  result.sequence = ++sequence_;
  result.command_id = command.id;
  result.succeeded = true;
  result.when = make_hello().now;
  peer_.send(result);
}

void GoodPeer::expect_served(const ControllerProcess& controller, const std::string& service) {
  const int wanted = cpu_percent_ % 99 + 1;
  cpu_percent_ = wanted;
  const auto before = event_sequence_.load();
  ++events_wanted_;
  await_until(
      "a new sample is seen",
      60s,
      [&] {
        const auto row = controller.get("/api/metrics/machine/" + who_.name).body;
        return row.is_object() && row["cpu_percent"].is_number() &&
               row["cpu_percent"].get<double>() == wanted;
      },
      [&] {
        return controller.get("/api/metrics/machine/" + who_.name).text + controller.log_tail();
      });
  const int commands = commands_;
  const auto answer = controller.post("/api/services/" + service + "/restart");
  EXPECT_EQ(answer.status, 200U) << answer.text;
  EXPECT_EQ(commands_, commands + 1);
  await_until("the event is acknowledged", 60s, [&] {
    return event_sequence_ > before && acked_ >= event_sequence_;
  });
  EXPECT_FALSE(is_lost_);
  EXPECT_EQ(controller.row("/api/machines", "machines", who_.name)["status"], "online");
  // Whatever it was meanwhile stands in the log.
  EXPECT_EQ(controller.log().find(fmt::format("host={} before=online", who_.name)),
            std::string::npos);
}

}  // namespace portoser::test
