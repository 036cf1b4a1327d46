#include "protocol/codec.h"

#include "common/error.h"
#include "tests/unit/protocol/samples.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>

#include <functional>

namespace portoser::protocol {
namespace {

template <class... Types>
using TypeList = testing::Types<Types...>;

template <class Message>
class EachMessage : public testing::Test {};

class MessageName {
 public:
  template <class Message>
  static std::string GetName(int) {
    return std::string{Message::type};
  }
};
TYPED_TEST_SUITE(EachMessage, Messages<TypeList>, MessageName);

TYPED_TEST(EachMessage, ComesBackAsItWas) {
  const auto message = filled<TypeParam>();
  const auto envelope = decode(encode(message, 7));
  EXPECT_EQ(envelope.version, version_high);
  EXPECT_EQ(envelope.id, 7);
  EXPECT_EQ(std::get<TypeParam>(std::get<AnyMessage>(envelope.body)), message);
}

TYPED_TEST(EachMessage, CutOffAnywhereIsRefused) {
  const auto frame = encode(filled<TypeParam>());
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_THROW(decode(std::string_view{frame}.substr(0, size)), Error) << "at byte " << size;
  }
}

TYPED_TEST(EachMessage, IgnoresKeysItDoesNotKnowAndKeepsDefaultsOfMissingOnes) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  packer.pack_array(4);
  packer.pack(1);
  packer.pack(TypeParam::type.data());
  packer.pack(0);
  packer.pack_map(1);
  packer.pack("of a later version");
  packer.pack_array(1);
  packer.pack("anything");
  const auto envelope = decode({buffer.data(), buffer.size()});
  EXPECT_EQ(std::get<TypeParam>(std::get<AnyMessage>(envelope.body)), TypeParam{});
}

std::string packed(const std::function<void(msgpack::packer<msgpack::sbuffer>&)>& write) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
  write(packer);
  return {buffer.data(), buffer.size()};
}

TEST(Codec, UnknownTypeIsNamedNotRefused) {
  const auto envelope = decode(packed([](auto& out) {
    out.pack_array(4);
    out.pack(1);
    out.pack("telepathy");
    out.pack(0);
    out.pack_map(0);
  }));
  EXPECT_EQ(std::get<Unknown>(envelope.body).type, "telepathy");
}

TEST(Codec, FieldOfTheWrongTypeIsRefusedWithItsPath) {
  try {
    decode(packed([](auto& out) {
      out.pack_array(4);
      out.pack(1);
      out.pack("ack");
      out.pack(0);
      out.pack_map(1);
      out.pack("sequence");
      out.pack("many");
    }));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "ack.sequence");
  }
}

TEST(Codec, FrameOverTheLimitIsTooLarge) {
  Progress progress;
  progress.lines = {std::string(message_limit, 'x')};
  try {
    decode(encode(progress));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
  }
}

TEST(Codec, SizesThatLieAllocateNothing) {
  // An array that claims 2^32 - 1 elements, and a nesting of 100,000.
  EXPECT_THROW(decode(std::string("\xdd\xff\xff\xff\xff", 5)), Error);
  EXPECT_THROW(decode(std::string(100000, '\x91')), Error);
}

TEST(Codec, BytesBehindTheEndAreRefused) {
  EXPECT_THROW(decode(encode(Cancel{"x"}) + "y"), Error);
}

TEST(Codec, ArgumentsOfACommandComeBack) {
  ComposeUp up;
  up.target = {"notes", {"/srv/notes/compose.yml"}, "p", "web"};
  EXPECT_EQ(decode_arguments<ComposeUp>(encode_arguments(up)).target, up.target);
  EXPECT_THROW(decode_arguments<ComposeUp>(Bytes{"\xc1"}), Error);
}

}  // namespace
}  // namespace portoser::protocol
