// Streams between hosts: from the gateway to the relay and back.
#include "controller/fleet/fleet.h"

namespace portoser::fleet {

void Fleet::take_of_stream(const std::string& host, protocol::AnyMessage& message) {
  if (auto* chunk = std::get_if<protocol::Chunk>(&message)) {
    streams_.take(host, std::move(*chunk));
  } else if (const auto* credit = std::get_if<protocol::Credit>(&message)) {
    streams_.take(host, *credit);
  } else if (const auto* end = std::get_if<protocol::StreamEnd>(&message)) {
    streams_.take(host, *end);
  }
}

/// One that does not reach its host breaks the stream: a piece is missing there.
bool Fleet::send_stream(const std::string& host, const StreamMessage& message) {
  const auto* member = by_name(host);
  if (member == nullptr || !member->welcomed || member->route.empty()) return false;
  std::visit(
      [&](const auto& one) {
        Gateway::Lost lost = [this, stream = one.stream] {
          if (!stopped_) streams_.lost(stream);
        };
        if constexpr (requires { one.problem; }) {
          if (!one.problem.empty()) lost = nullptr;  // it is broken already
        }
        gateway_->send(member->route, protocol::encode(one, next_message_++), std::move(lost));
      },
      message);
  return true;
}

}  // namespace portoser::fleet
