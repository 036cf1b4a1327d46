#include "agent/link/connection.h"

#include "agent/link/worker.h"

#include <algorithm>
#include <future>
#include <utility>

namespace portoser::agent::link {

std::string_view to_string(ConnectionState state) {
  switch (state) {
    case ConnectionState::connecting:
      return "connecting";
    case ConnectionState::handshake_failed:
      return "handshake_failed";
    case ConnectionState::not_enrolled:
      return "not_enrolled";
    case ConnectionState::greeting:
      return "greeting";
    case ConnectionState::online:
      return "online";
    case ConnectionState::refused:
      return "refused";
  }
  return "unknown";
}

void LinkSettings::set_pace(std::chrono::milliseconds new_heartbeat) {
  // Never slower than usual: a controller that comes back waits 30 s for its hosts.
  const auto quickened = [&](std::chrono::milliseconds time) {
    return std::clamp(
        time * new_heartbeat.count() / heartbeat.count(), std::chrono::milliseconds{1}, time);
  };
  first_retry = quickened(first_retry);
  longest_retry = quickened(longest_retry);
  spread = quickened(spread);
  // What the network and the controller's disk need does not depend on our haste.
  constexpr std::chrono::milliseconds longest_handshake{5000};
  constexpr std::chrono::milliseconds slowest_commit{5000};
  constexpr std::chrono::milliseconds slowest_welcome{500};
  handshake_limit = std::max(quickened(handshake_limit), longest_handshake);
  send.acknowledge_limit = std::max(quickened(send.acknowledge_limit), slowest_commit);
  hello_repeat = std::max(quickened(hello_repeat), slowest_welcome);
  // Three that a cable may hold when it breaks, and four until that is seen. A controller that is
  // killed loses samples too, and does not know of our pace.
  const auto unsure = 7 * new_heartbeat;
  constexpr std::chrono::milliseconds least_settling = std::chrono::seconds{10};
  constexpr std::chrono::milliseconds least_recent = std::chrono::seconds{60};
  backlog.settles_after = std::max(unsure, least_settling);
  send.recent.age = std::max(unsure, least_recent);
  send.recent.repeated_for = backlog.settles_after;
  heartbeat = new_heartbeat;
}

Link::Link(LinkSettings settings,
           const Clock& clock,
           std::filesystem::path folder,
           boost::asio::any_io_executor executor,
           std::function<protocol::Hello()> hello,
           LinkHandlers handlers)
    : worker_(std::make_unique<Worker>(std::move(settings),
                                       clock,
                                       folder,
                                       std::move(executor),
                                       std::move(hello),
                                       std::move(handlers))) {}

Link::~Link() = default;

void Link::send(protocol::State state) {
  worker_->outbox().put(std::move(state));
}
void Link::send(protocol::Sample sample) {
  worker_->outbox().put(std::move(sample));
}
void Link::send(protocol::Progress progress) {
  worker_->outbox().put(Outbox::Ordered{std::move(progress)});
}
void Link::send(protocol::Answer answer) {
  worker_->outbox().put(std::move(answer));
}
void Link::send(protocol::Chunk chunk) {
  worker_->outbox().put(Outbox::StreamMessage{std::move(chunk)});
}
void Link::send(protocol::Credit credit) {
  worker_->outbox().put(Outbox::StreamMessage{std::move(credit)});
}
void Link::send(protocol::StreamEnd end) {
  worker_->outbox().put(Outbox::StreamMessage{std::move(end)});
}
void Link::send_durable(protocol::Event event) {
  worker_->outbox().put(Outbox::Ordered{std::move(event)});
}
void Link::send_durable(protocol::CommandResult result) {
  worker_->outbox().put(Outbox::Ordered{std::move(result)});
}

bool Link::await_flush(std::chrono::milliseconds limit) {
  std::promise<bool> done;
  auto is_flushed = done.get_future();
  worker_->outbox().put(std::move(done));
  try {
    return is_flushed.wait_for(limit) == std::future_status::ready && is_flushed.get();
  } catch (const std::future_error&) {
    return false;  // the link has ended
  }
}

LinkStats Link::stats() const {
  return worker_->stats();
}
void Link::stop() {
  worker_->stop();
}

}  // namespace portoser::agent::link
