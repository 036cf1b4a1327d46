#include "agent/systemd/wire.h"

#include "common/error.h"
#include "tests/unit/systemd/message_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace portoser::agent::systemd {
namespace {

using testing::ElementsAre;

Message changed() {
  BytesWriter body;
  body.text("org.freedesktop.systemd1.Service");
  Properties properties;
  properties["ActiveState"] = std::string{"failed"};
  properties["MainPID"] = std::uint64_t{4711};
  properties["ExecMainStatus"] = std::int64_t{-9};
  properties["CanReload"] = true;
  properties["Job"] = std::monostate{};  // (uo)
  body.properties(properties);
  body.number(std::uint32_t{0});
  Message message;
  message.type = MessageType::signal;
  message.serial = 7;
  message.path = "/org/freedesktop/systemd1/unit/nginx_2eservice";
  message.interface = "org.freedesktop.DBus.Properties";
  message.member = "PropertiesChanged";
  message.signature = "sa{sv}as";
  message.body = body.bytes;
  return message;
}

TEST(Wire, ASignalIsReadAsItWasWritten) {
  const auto bytes = bytes_of(changed());
  EXPECT_EQ(message_size(std::string_view{bytes}.substr(0, fixed_bytes)), bytes.size());
  const auto message = decode(bytes);
  EXPECT_EQ(message.type, MessageType::signal);
  EXPECT_EQ(message.serial, 7U);
  EXPECT_EQ(message.path, "/org/freedesktop/systemd1/unit/nginx_2eservice");
  EXPECT_EQ(message.member, "PropertiesChanged");
  BodyReader body{message};
  EXPECT_EQ(body.text(), "org.freedesktop.systemd1.Service");
  const auto properties = body.properties();
  EXPECT_EQ(text_of(properties, "ActiveState"), "failed");
  EXPECT_EQ(number_of(properties, "MainPID"), 4711);
  EXPECT_EQ(number_of(properties, "ExecMainStatus"), -9);
  EXPECT_EQ(number_of(properties, "CanReload"), 1);
  EXPECT_EQ(number_of(properties, "Job"), 0);
  EXPECT_EQ(number_of(properties, "NoSuchProperty"), 0);
}

TEST(Wire, ACallCarriesItsArguments) {
  Message call;
  call.serial = 3;
  call.path = "/org/freedesktop/systemd1";
  call.interface = "org.freedesktop.DBus.Properties";
  call.member = "Get";
  call.signature = "ss";
  const auto message = decode(encode_call(call, {"a.b", "Version"}));
  EXPECT_EQ(message.type, MessageType::call);
  EXPECT_EQ(message.serial, 3U);
  BodyReader body{message};
  EXPECT_EQ(body.text(), "a.b");
  EXPECT_EQ(body.text(), "Version");
  EXPECT_THROW(body.text(), Error);
}

TEST(Wire, NothingIsReadBeyondTheEndWhereverItIs) {
  const auto whole = bytes_of(changed());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(decode(whole.substr(0, size)), Error) << size;
  }
  // The same for a body that is cut and says that it is whole.
  const auto message = changed();
  for (std::size_t size = 0; size + 4 < message.body.size(); ++size) {
    auto cut = message;
    cut.body.resize(size);
    BodyReader body{cut};
    EXPECT_THROW(
        {
          body.text();
          body.properties();
        },
        Error)
        << size;
  }
}

Properties with_variant(const std::string& signature, const std::string& bytes) {
  BytesWriter entry;
  entry.text("k");
  entry.signature(signature);
  while (entry.bytes.size() % 8 != 0) entry.bytes.push_back('\0');
  entry.bytes += bytes;
  BytesWriter body;
  body.number(static_cast<std::uint32_t>(entry.bytes.size()));
  body.align(8);
  body.bytes += entry.bytes;
  Message message;
  message.signature = "a{sv}";
  message.body = body.bytes;
  return BodyReader{message}.properties();
}

TEST(Wire, ATypeThatHasNoEndIsRefused) {
  for (const auto& signature : {std::string{"()"},
                                std::string{"a()"},
                                std::string{"(s"},
                                std::string{"a"},
                                std::string{""},
                                std::string{"ss"},
                                std::string{"?"},
                                std::string(100, 'a') + "y",
                                std::string(100, '(') + "y" + std::string(100, ')')}) {
    EXPECT_THROW(with_variant(signature, std::string(64, '\0')), Error) << signature;
  }
}

TEST(Wire, AHugeLengthIsNoReasonToTakeMemory) {
  BytesWriter body;
  body.number(std::numeric_limits<std::uint32_t>::max());
  Message message;
  message.signature = "s";
  message.body = body.bytes;
  EXPECT_THROW(BodyReader{message}.text(), Error);
  auto beginning = bytes_of(changed()).substr(0, fixed_bytes);
  for (const std::size_t at : {4U, 12U}) {
    auto large = beginning;
    large.replace(at, 4, "\xff\xff\xff\x7f");
    EXPECT_THROW(message_size(large), Error);
  }
}

}  // namespace
}  // namespace portoser::agent::systemd
