#include "agent/transfer/channel.h"

#include "agent/transfer/answers.h"
#include "common/error.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/transfer/relay.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>

namespace portoser::agent::transfer {
namespace {

class Channels : public testing::Test {
 protected:
  std::string reason_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.reason();
    }
    return "none";
  }

  test::TempFolder folder{"channel"};
  Relay relay{folder / "streams.sock"};
};

TEST_F(Channels, ALineIsReadAndNothingBehindIt) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  here.write("{\"wants\":1}\nbytes");
  here.end_writing();
  EXPECT_EQ(there.read_line(), "{\"wants\":1}");
  char block[16];
  std::string rest;
  while (const auto got = there.read_some(block, 2)) rest.append(block, got);
  EXPECT_EQ(rest, "bytes");
}

TEST_F(Channels, WhoSaysNothingForTooLongIsGivenUp) {
  Channel here{relay.socket(), "a"};
  EXPECT_EQ(reason_of([&] { here.read_line(std::chrono::milliseconds{1}); }), "TRANSFER_CUT");
}

TEST_F(Channels, AnEndInTheMiddleOfALineIsACut) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  here.write("half");
  here.end_writing();
  EXPECT_EQ(reason_of([&] { there.read_line(); }), "TRANSFER_CUT");
}

TEST_F(Channels, WithoutAnAgentItIsACut) {
  EXPECT_EQ(reason_of([&] { Channel(folder / "none.sock", "a"); }), "TRANSFER_CUT");
}

TEST_F(Channels, APathThatIsTooLongForASocketIsNone) {
  const auto deep = folder.path() / std::string(120, 'd');
  std::filesystem::create_directory(deep);
  Relay far{deep / "streams.sock"};
  Channel here{far.socket(), "a"};
  Channel there{far.socket(), "a"};
  here.write("hello\n");
  EXPECT_EQ(there.read_line(), "hello");
}

TEST_F(Channels, AnswersHaveAnEnd) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  Entry entry;
  entry.path = "x\ny";
  AnswerWriter writer{here};
  writer.entry(entry);
  writer.end();
  AnswerReader reader{there};
  EXPECT_EQ(reader.entry(), entry);
  EXPECT_EQ(reader.entry(), std::nullopt);
  EXPECT_EQ(reader.entry(), std::nullopt);
}

TEST_F(Channels, BytesOfAnAnswerComeAsTheyWent) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  std::string sent;
  for (int i = 0; i < 300'000; ++i) sent += static_cast<char>(i * 7 % 256);
  std::thread writing{[&] {
    AnswerWriter writer{here};
    writer.bytes(std::string_view{sent}.substr(0, 1));
    writer.bytes({});
    writer.bytes(std::string_view{sent}.substr(1, 150'000));
    writer.bytes(std::string_view{sent}.substr(150'001));
    writer.end();
  }};
  AnswerReader reader{there};
  std::string got;
  char block[5000];
  while (const auto count = reader.bytes(block, sizeof block)) got.append(block, count);
  writing.join();
  EXPECT_TRUE(got == sent);
}

TEST_F(Channels, WhoWorksSaysSoAndItIsNoPartOfTheAnswer) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  Entry entry;
  entry.path = "large";
  AnswerWriter busy{here, std::chrono::milliseconds{0}};
  busy.alive();
  EXPECT_EQ(there.read_line(), "working") << "at once, however little it is";
  busy.alive();
  busy.entry(entry);
  busy.alive();
  busy.bytes("x");
  busy.alive();
  AnswerWriter{here, std::chrono::hours{1}}.alive();
  busy.end();
  here.end_writing();
  AnswerReader reader{there};
  EXPECT_EQ(reader.entry(), entry);
  char block[16];
  EXPECT_EQ(reader.bytes(block, sizeof block), 1U);
  EXPECT_EQ(reader.bytes(block, sizeof block), 0U);
}

TEST_F(Channels, AnAnswerWithoutAnEndIsACut) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  here.write("+ 10\nhalf");
  here.end_writing();
  AnswerReader reader{there};
  char block[16];
  EXPECT_EQ(reader.bytes(block, sizeof block), 4U);
  EXPECT_EQ(reason_of([&] { reader.bytes(block, sizeof block); }), "TRANSFER_CUT");
}

TEST_F(Channels, WhatTheOtherHostCouldNotDoIsSaid) {
  Channel here{relay.socket(), "a"};
  Channel there{relay.socket(), "a"};
  AnswerWriter{here}.failed("cannot read\nx");
  AnswerReader reader{there};
  try {
    reader.entry();
    FAIL() << "it was taken for an entry";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "the other host says: cannot read x");
  }
}

}  // namespace
}  // namespace portoser::agent::transfer
