#include "tests/unit/link/link_fixture.h"

#include "common/error.h"
#include "tests/support/await.h"

#include <algorithm>

namespace portoser::test {

using agent::link::ConnectionState;
using std::chrono::milliseconds;
using std::chrono::seconds;

LinkTest::LinkTest() : owner_([this] { context_.run(); }) {
  settings_.endpoint = "tcp://127.0.0.1:" + std::to_string(port_);
  settings_.keys = agent_keys_;
  settings_.controller_key = controller_keys_.public_key;
  settings_.first_retry = milliseconds{5};
  settings_.longest_retry = milliseconds{100};
  settings_.spread = milliseconds{20};
  settings_.not_enrolled_retry = milliseconds{50};
  settings_.hello_repeat = milliseconds{50};
  settings_.send.late_samples_per_second = 2000;
}

LinkTest::~LinkTest() {
  link_.reset();
  controller_.reset();
  guard_.reset();
  context_.stop();
  owner_.join();
}

void LinkTest::start_controller(ControllerDouble::Behaviour behaviour) {
  controller_.emplace(controller_keys_, memory_, std::move(behaviour), port_);
  controller_->admit(agent_keys_.public_key);
}

template <class Value>
std::function<void(Value)> LinkTest::note(std::vector<Value> Told::*list) {
  return [this, list](Value value) {
    const std::lock_guard lock{mutex_};
    (told_.*list).push_back(std::move(value));
    changed_.notify_all();
  };
}

void LinkTest::start_link() {
  agent::link::LinkHandlers handlers;
  handlers.on_welcome = note(&Told::welcomes);
  handlers.on_assign = note(&Told::assigns);
  handlers.on_command = note(&Told::commands);
  handlers.on_cancel = note(&Told::cancels);
  handlers.on_question = note(&Told::questions);
  handlers.on_chunk = note(&Told::chunks);
  handlers.on_credit = note(&Told::credits);
  handlers.on_stream_end = note(&Told::stream_ends);
  handlers.on_goodbye = note(&Told::goodbyes);
  handlers.on_state = note(&Told::states);
  const auto make_hello = [] {
    protocol::Hello hello;
    hello.agent_version = "test";
    hello.now.boot_id = "boot";
    return hello;
  };
  link_.emplace(
      settings_, clock_, folder_.path(), context_.get_executor(), make_hello, std::move(handlers));
}

bool LinkTest::await_told(const std::function<bool(const Told&)>& condition) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, seconds{20}, [&] { return condition(told_); });
}

bool LinkTest::await_online(std::size_t times) {
  return await_told([&](const Told& told) { return told.welcomes.size() >= times; });
}

bool LinkTest::await_state(ConnectionState state) {
  return await_told([&](const Told& told) {
    return std::find(told.states.begin(), told.states.end(), state) != told.states.end();
  });
}

bool LinkTest::await_stats(const std::function<bool(const agent::link::LinkStats&)>& condition) {
  try {
    await_until("the link counted it", seconds{20}, [&] { return condition(link_->stats()); });
    return true;
  } catch (const Error&) {
    return false;
  }
}

void LinkTest::send_events(int count) {
  for (int i = 0; i < count; ++i) {
    protocol::Event event;
    event.event_type = "start";
    event.service = "web";
    link_->send_durable(std::move(event));
  }
}

void LinkTest::send_sample(std::int64_t uptime_ns, const std::string& boot_id) {
  protocol::Sample sample;
  sample.when.boot_id = boot_id;
  sample.when.uptime_ns = uptime_ns;
  link_->send(std::move(sample));
}

std::vector<std::int64_t> LinkTest::sample_uptimes() const {
  std::vector<std::int64_t> uptimes;
  for (const auto& sample : memory_->seen().all<protocol::Sample>()) {
    uptimes.push_back(sample.when.uptime_ns);
  }
  return uptimes;
}

}  // namespace portoser::test
