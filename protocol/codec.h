/// Messages <-> bytes. A message is one frame: the msgpack array `[version, type, id, body]`. Any
/// thread.
#pragma once

#include "protocol/commands.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace portoser::protocol {

inline constexpr std::int64_t version_low = 1;   ///< oldest version that we speak
inline constexpr std::int64_t version_high = 1;  ///< newest, and what we write

/// Over this a message is dropped and counted; the socket's own limit is `socket_limit`.
inline constexpr std::size_t message_limit = 1U << 20U;
inline constexpr std::int64_t socket_limit = 4LL << 20U;

/// The type of a message that this build does not know.
struct Unknown {
  std::string type;
};

using AnyMessage = Messages<std::variant>;

/// A decoded frame. `id` numbers the sender's messages, for logs.
struct Envelope {
  std::int64_t version = 0;
  std::int64_t id = 0;
  std::variant<AnyMessage, Unknown> body;
};

template <class Message>
std::string encode(const Message& message, std::int64_t id = 0);

/// What it takes in a list of a message.
std::size_t size_in_message(const ContainerSample& part);
std::size_t size_in_message(const Container& part);

/// Over the limit: `Error{too_large}`; not an envelope or a body that does not fit its type:
/// `Error{bad_request}`. Allocations are bounded by the size of the frame.
Envelope decode(std::string_view frame);

/// A command's arguments as they travel in `Command::arguments`.
template <class Arguments>
Bytes encode_arguments(const Arguments& arguments);
/// Bytes that do not fit: `Error{bad_request}`.
template <class Arguments>
Arguments decode_arguments(const Bytes& bytes);

}  // namespace portoser::protocol
