/// The property of everything that the codec reads: what it took, it writes and reads back the
/// same.
#pragma once

#include "protocol/codec.h"
#include "tests/fuzz/must.h"

namespace portoser::test {

/// NaN is not even equal to itself.
template <class T>
bool same(const T& a, const T& b) {
  return a == b || !(a == a);
}

template <class Message>
void must_come_back(const Message& message, std::int64_t id) {
  const auto frame = protocol::encode(message, id);
  // A short frame may leave out what a whole one has: `{}` in a list of many.
  if (frame.size() > protocol::message_limit) return;
  const auto envelope = protocol::decode(frame);
  must(envelope.version == protocol::version_high && envelope.id == id);
  const auto* body = std::get_if<protocol::AnyMessage>(&envelope.body);
  must(body != nullptr && std::holds_alternative<Message>(*body));
  must(same(std::get<Message>(*body), message));
  must(protocol::encode(std::get<Message>(*body), id) == frame);
}

}  // namespace portoser::test
