#include "protocol/codec.h"

#include "common/describe_msgpack.h"
#include "common/error.h"
#include "protocol/questions.h"

namespace portoser::protocol {
namespace {

/// What one frame may make us allocate: depth and counts far above any real message.
msgpack::unpack_limit limits() {
  return {65536, 65536, message_limit, message_limit, 0, 32};
}

msgpack::object_handle parse(std::string_view bytes) {
  try {
    std::size_t used = 0;
    auto parsed = msgpack::unpack(bytes.data(), bytes.size(), used, nullptr, nullptr, limits());
    if (used != bytes.size()) {
      throw Error{Code::bad_request, "the frame has bytes after its end"};
    }
    return parsed;
  } catch (const msgpack::unpack_error& error) {
    throw Error{Code::bad_request, std::string{"the frame is not msgpack: "} + error.what()};
  }
}

template <class T>
T unpack_as(const msgpack::object& object, std::string_view name) {
  T value;
  try {
    unpack_described(object, value, FieldPath{name});
  } catch (const Error& error) {
    throw Error{Code::bad_request, error.message(), error.where()};
  }
  return value;
}

/// Decodes into the message whose type has this name.
struct BodyDecoder {
  std::string_view type;
  const msgpack::object& object;
  std::variant<AnyMessage, Unknown>& out;
  bool found = false;

  template <class Message>
  void operator()(boost::mp11::mp_identity<Message>) {
    if (!found && type == Message::type) {
      out.emplace<AnyMessage>(unpack_as<Message>(object, Message::type));
      found = true;
    }
  }
};

template <class Part>
std::size_t packed_size(const Part& part) {
  constexpr std::size_t ordinary = 512;
  msgpack::sbuffer buffer{ordinary};
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  pack_described(packer, part);
  return buffer.size();
}

}  // namespace

std::size_t size_in_message(const ContainerSample& part) {
  return packed_size(part);
}

std::size_t size_in_message(const Container& part) {
  return packed_size(part);
}

template <class Message>
std::string encode(const Message& message, std::int64_t id) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  packer.pack_array(4);
  packer.pack(version_high);
  packer.pack(Message::type.data());
  packer.pack(id);
  pack_described(packer, message);
  return {buffer.data(), buffer.size()};
}

Envelope decode(std::string_view frame) {
  if (frame.size() > message_limit) {
    throw Error{Code::too_large, "the frame has " + std::to_string(frame.size()) + " bytes"};
  }
  const auto parsed = parse(frame);
  const auto& array = parsed.get();
  if (array.type != msgpack::type::ARRAY || array.via.array.size < 4) {
    throw Error{Code::bad_request, "the frame is not an array of version, type, id and body"};
  }
  const auto* fields = array.via.array.ptr;
  Envelope envelope;
  envelope.version = unpack_as<std::int64_t>(fields[0], "version");
  const auto type = unpack_as<std::string>(fields[1], "type");
  envelope.id = unpack_as<std::int64_t>(fields[2], "id");
  if (fields[3].type != msgpack::type::MAP) {
    throw Error{Code::bad_request, "the body of \"" + type + "\" is not a map"};
  }
  BodyDecoder decoder{type, fields[3], envelope.body};
  boost::mp11::mp_for_each<
      boost::mp11::mp_transform<boost::mp11::mp_identity, Messages<boost::mp11::mp_list>>>(
      [&](auto message) { decoder(message); });
  if (!decoder.found) {
    envelope.body.emplace<Unknown>(Unknown{type});
  }
  return envelope;
}

template <class Arguments>
Bytes encode_arguments(const Arguments& arguments) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  pack_described(packer, arguments);
  return {std::string{buffer.data(), buffer.size()}};
}

template <class Arguments>
Arguments decode_arguments(const Bytes& bytes) {
  const auto parsed = parse(bytes.data);
  return unpack_as<Arguments>(parsed.get(), Arguments::name);
}

// The codec of each message and command is compiled here, once.
template std::string encode(const Hello&, std::int64_t);
template std::string encode(const Welcome&, std::int64_t);
template std::string encode(const Assign&, std::int64_t);
template std::string encode(const State&, std::int64_t);
template std::string encode(const Sample&, std::int64_t);
template std::string encode(const Event&, std::int64_t);
template std::string encode(const Ack&, std::int64_t);
template std::string encode(const Command&, std::int64_t);
template std::string encode(const Cancel&, std::int64_t);
template std::string encode(const Progress&, std::int64_t);
template std::string encode(const CommandResult&, std::int64_t);
template std::string encode(const Question&, std::int64_t);
template std::string encode(const Answer&, std::int64_t);
template std::string encode(const Chunk&, std::int64_t);
template std::string encode(const Credit&, std::int64_t);
template std::string encode(const StreamEnd&, std::int64_t);
template std::string encode(const Goodbye&, std::int64_t);

template Bytes encode_arguments(const ComposeUp&);
template Bytes encode_arguments(const ComposeStop&);
template Bytes encode_arguments(const ComposeRestart&);
template Bytes encode_arguments(const ComposeRebuild&);
template Bytes encode_arguments(const ComposeDown&);
template Bytes encode_arguments(const ComposeDeploy&);
template Bytes encode_arguments(const ComposeConfirm&);
template Bytes encode_arguments(const MoveSend&);
template Bytes encode_arguments(const MoveReceive&);
template Bytes encode_arguments(const MoveDiscard&);
template Bytes encode_arguments(const RoutingCaddy&);
template Bytes encode_arguments(const RoutingHosts&);
template Bytes encode_arguments(const NativeStart&);
template Bytes encode_arguments(const NativeStop&);
template Bytes encode_arguments(const NativeRestart&);
template ComposeUp decode_arguments(const Bytes&);
template ComposeStop decode_arguments(const Bytes&);
template ComposeRestart decode_arguments(const Bytes&);
template ComposeRebuild decode_arguments(const Bytes&);
template ComposeDown decode_arguments(const Bytes&);
template ComposeDeploy decode_arguments(const Bytes&);
template ComposeConfirm decode_arguments(const Bytes&);
template MoveSend decode_arguments(const Bytes&);
template MoveReceive decode_arguments(const Bytes&);
template MoveDiscard decode_arguments(const Bytes&);
template RoutingCaddy decode_arguments(const Bytes&);
template RoutingHosts decode_arguments(const Bytes&);
template NativeStart decode_arguments(const Bytes&);
template NativeStop decode_arguments(const Bytes&);
template NativeRestart decode_arguments(const Bytes&);

template Bytes encode_arguments(const InspectCompose&);
template Bytes encode_arguments(const ComposeInspection&);
template Bytes encode_arguments(const PreflightCompose&);
template Bytes encode_arguments(const PreflightReport&);
template Bytes encode_arguments(const InspectNeeds&);
template Bytes encode_arguments(const NeedsReport&);
template Bytes encode_arguments(const PreflightNative&);
template Bytes encode_arguments(const InspectMove&);
template Bytes encode_arguments(const MoveInventory&);
template Bytes encode_arguments(const PreflightMove&);
template InspectCompose decode_arguments(const Bytes&);
template ComposeInspection decode_arguments(const Bytes&);
template PreflightCompose decode_arguments(const Bytes&);
template PreflightReport decode_arguments(const Bytes&);
template InspectNeeds decode_arguments(const Bytes&);
template NeedsReport decode_arguments(const Bytes&);
template PreflightNative decode_arguments(const Bytes&);
template InspectMove decode_arguments(const Bytes&);
template MoveInventory decode_arguments(const Bytes&);
template PreflightMove decode_arguments(const Bytes&);

}  // namespace portoser::protocol
