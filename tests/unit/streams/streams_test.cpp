// Programs are sockets of the test, which it steps beside the streams: one thread plays all.
#include "agent/streams/streams.h"

#include "common/error.h"
#include "tests/support/temp_folder.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace portoser::agent::streams {
namespace {

using protocol::Chunk;
using protocol::Credit;
using protocol::StreamEnd;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string base = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const std::string stream = base + ".0";
constexpr auto window = static_cast<std::size_t>(Chunk::window);

/// Connected to the socket; nothing that it does blocks.
class Peer {
 public:
  explicit Peer(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      throw Error{Code::internal, std::string{"cannot connect: "} + std::strerror(errno)};
    }
    ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  }

  /// How much of it the socket has taken.
  std::size_t write(const std::string& text) {
    const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void end_writing() { ::shutdown(socket_.get(), SHUT_WR); }
  void go_away() { socket_ = Descriptor{}; }
  /// Reads what is there.
  const std::string& text() {
    std::string buffer(std::size_t{256} << 10U, '\0');
    for (;;) {
      const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) is_ended_ = true;
      if (got <= 0) return text_;
      text_.append(buffer, 0, static_cast<std::size_t>(got));
    }
  }
  bool is_ended() {
    text();
    return is_ended_;
  }
  /// Neither can it write.
  bool is_closed() {
    return is_ended() && ::send(socket_.get(), "x", 1, MSG_NOSIGNAL) < 0 &&
           (errno == EPIPE || errno == ECONNRESET);
  }

 private:
  Descriptor socket_;
  std::string text_;
  bool is_ended_ = false;
};

class StreamsTest : public testing::Test {
 protected:
  ~StreamsTest() override { close(); }

  void open() {
    settings_.socket = folder_ / "streams.sock";
    streams_ = std::make_unique<Streams>(context_.get_executor(), settings_, [this](auto message) {
      std::visit([this](auto& one) { note(std::move(one)); }, message);
    });
    step();
  }
  void open_and_link() {
    open();
    streams_->link_up();
  }
  void close() {
    if (!streams_) return;
    streams_->stop();
    bool is_joined = false;
    asio::co_spawn(
        context_, streams_->join(), [&](const std::exception_ptr&) { is_joined = true; });
    step_until([&] { return is_joined; });
    streams_.reset();
  }
  /// All that can be done without waiting.
  void step() {
    context_.restart();
    context_.poll();
  }
  void step_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "it never happened";
      context_.restart();
      context_.run_for(std::chrono::milliseconds{1});
    }
  }
  Peer connect(const std::string& id = stream) {
    Peer peer{settings_.socket.string()};
    peer.write(id + "\n");
    step();
    return peer;
  }

  void note(Chunk chunk) {
    EXPECT_EQ(chunk.number, static_cast<std::int64_t>(chunks_.size()));
    EXPECT_LE(chunk.data.data.size(), Chunk::data_limit);
    chunks_.push_back(std::move(chunk));
  }
  void note(Credit credit) { credits_.push_back(credit.next); }
  void note(StreamEnd end) { ends_.push_back(std::move(end)); }
  [[nodiscard]] std::string sent() const {
    std::string text;
    for (const auto& chunk : chunks_) text += chunk.data.data;
    return text;
  }
  static Chunk chunk(std::int64_t number, std::string data, std::string id = stream) {
    return {std::move(id), number, {std::move(data)}};
  }
  void take(std::int64_t number, std::string data) {
    streams_->take(chunk(number, std::move(data)));
    step();
  }
  void take_credit(std::int64_t next) {
    streams_->take(Credit{stream, next});
    step();
  }
  void take_end(std::int64_t number, const std::string& problem = {}) {
    streams_->take(StreamEnd{stream, number, problem});
    step();
  }

  test::TempFolder folder_;
  asio::io_context context_{1};
  StreamsSettings settings_;
  std::unique_ptr<Streams> streams_;
  std::vector<Chunk> chunks_;
  std::vector<std::int64_t> credits_;
  std::vector<StreamEnd> ends_;
};

TEST_F(StreamsTest, WhatAProgramWritesGoesOut) {
  open_and_link();
  Peer peer{settings_.socket.string()};
  peer.write(stream + "\nat once");
  step();
  EXPECT_EQ(sent(), "at once") << "what came with the name belongs to the stream";
  peer.write(" and later");
  step();
  EXPECT_EQ(sent(), "at once and later");
  EXPECT_EQ(chunks_.back().stream, stream);
}

TEST_F(StreamsTest, AFullWindowHoldsTheProgramBackAndACreditLetsItGoOn) {
  open_and_link();
  auto peer = connect();
  const std::string much(Chunk::data_limit, 'x');
  std::size_t written = 0;
  for (std::size_t before = 1; before != written;) {
    before = written;
    written += peer.write(much);
    step();
  }
  EXPECT_THAT(chunks_, SizeIs(window));
  EXPECT_GT(written, sent().size()) << "the rest waits in the socket";
  take_credit(1);
  EXPECT_THAT(chunks_, SizeIs(window + 1));
  take_credit(1);
  EXPECT_THAT(chunks_, SizeIs(window + 1)) << "it was given before";
  take_credit(Chunk::window + 1);
  EXPECT_EQ(sent().size(), written);
}

TEST_F(StreamsTest, SmallWritesFillWholeChunksWhileTheWindowIsFull) {
  open_and_link();
  auto peer = connect();
  for (std::size_t i = 0; i < window; ++i) {
    peer.write("x");
    step();
  }
  ASSERT_THAT(chunks_, SizeIs(window));
  for (int i = 0; i < 50; ++i) peer.write("y");
  step();
  take_credit(1);
  EXPECT_EQ(chunks_.back().data.data, std::string(50, 'y'));
}

TEST_F(StreamsTest, MoreCreditThanWasSentBreaksIt) {
  open_and_link();
  auto peer = connect();
  peer.write("x");
  step();
  take_credit(2);
  EXPECT_TRUE(peer.is_closed());
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_NE(ends_[0].problem, "");
}

TEST_F(StreamsTest, WhatComesIsWrittenToTheProgramAndCredited) {
  open_and_link();
  auto peer = connect();
  take(0, "one ");
  take(1, "two");
  EXPECT_EQ(peer.text(), "one two");
  EXPECT_THAT(credits_, ElementsAre(1, 2));
  EXPECT_FALSE(peer.is_ended());
}

TEST_F(StreamsTest, AProgramThatDoesNotReadGivesNoCredit) {
  open_and_link();
  auto peer = connect();
  const std::string much(Chunk::data_limit, 'x');
  for (std::int64_t i = 0; i < Chunk::window; ++i) take(i, much);
  EXPECT_LT(credits_.size(), window);
  step_until([&] { return peer.text().size() == window * Chunk::data_limit; });
  step_until([&] { return credits_.size() == window; });
  EXPECT_THAT(ends_, IsEmpty());
}

TEST_F(StreamsTest, AProgramThatShutsItsWritingSideDownStillReads) {
  open_and_link();
  auto peer = connect();
  peer.write("question");
  peer.end_writing();
  step();
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(ends_[0].problem, "");
  EXPECT_EQ(ends_[0].number, static_cast<std::int64_t>(chunks_.size()));
  EXPECT_FALSE(peer.is_ended());
  take_credit(1);
  take(0, "answer");
  EXPECT_EQ(peer.text(), "answer");
  take_end(1);
  EXPECT_TRUE(peer.is_ended());
  EXPECT_THAT(ends_, SizeIs(1));
  // It is over well: its name is free.
  auto again = connect();
  EXPECT_FALSE(again.is_ended());
}

TEST_F(StreamsTest, AnEndFromAfarComesBehindTheLastByteAndTheProgramStillWrites) {
  open_and_link();
  auto peer = connect();
  const std::string much(Chunk::data_limit, 'x');
  for (std::int64_t i = 0; i < Chunk::window; ++i) take(i, much);
  take_end(Chunk::window);
  step_until([&] { return peer.is_ended(); });
  EXPECT_EQ(peer.text().size(), window * Chunk::data_limit);
  peer.write("still here");
  step();
  EXPECT_EQ(sent(), "still here");
}

TEST_F(StreamsTest, AStreamCountsUntilTheOtherProgramHasTakenAllOfIt) {
  open_and_link();
  auto peer = connect();
  take_end(0);
  peer.write("x");
  peer.end_writing();
  step();
  EXPECT_TRUE(connect().is_closed()) << "the name is taken";
  take_credit(1);
  EXPECT_FALSE(connect().is_ended());
}

TEST_F(StreamsTest, AnEndBeforeAllOfItCameBreaksIt) {
  open_and_link();
  auto peer = connect();
  take(0, "x");
  take_end(2);
  EXPECT_TRUE(peer.is_closed());
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_NE(ends_[0].problem, "");
}

TEST_F(StreamsTest, AGapBreaksIt) {
  open_and_link();
  auto peer = connect();
  take(0, "x");
  take(2, "z");
  EXPECT_EQ(peer.text(), "x");
  EXPECT_TRUE(peer.is_closed());
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(ends_[0].stream, stream);
  EXPECT_NE(ends_[0].problem, "");
  take(3, "late");
  EXPECT_THAT(ends_, SizeIs(1)) << "that is said once";
}

TEST_F(StreamsTest, ABreakFromAfarClosesTheSocketAndIsNotSentBack) {
  open_and_link();
  auto peer = connect();
  take_end(0, "the other host is away");
  EXPECT_TRUE(peer.is_closed());
  EXPECT_THAT(ends_, IsEmpty());
  EXPECT_TRUE(connect().is_closed()) << "it does not come back";
}

TEST_F(StreamsTest, ABreakOfAllNumbersClosesThoseAndTheOnesThatComeLater) {
  open_and_link();
  auto first = connect(base + ".0");
  auto second = connect(base + ".1");
  auto other = connect("01BX5ZZKBKACTAV9WEVGEMMVRZ.0");
  streams_->take(StreamEnd{base, 0, "the transfer is over"});
  step();
  EXPECT_TRUE(first.is_closed());
  EXPECT_TRUE(second.is_closed());
  EXPECT_FALSE(other.is_ended());
  EXPECT_TRUE(connect(base + ".2").is_closed());
}

TEST_F(StreamsTest, AProgramThatGoesAwayWithSomethingUnreadBreaksIt) {
  open_and_link();
  auto peer = connect();
  take(0, "never read");
  peer.go_away();
  step_until([&] { return !ends_.empty(); });
  EXPECT_NE(ends_[0].problem, "");
}

TEST_F(StreamsTest, AProgramThatDoesNotTakeWhatComesAnyMoreBreaksIt) {
  open_and_link();
  auto peer = connect();
  peer.go_away();
  step_until([&] { return !ends_.empty(); });
  EXPECT_EQ(ends_[0].problem, "") << "all that is known is that it writes no more";
  take(0, "for nobody");
  step_until([&] { return ends_.size() == 2; });
  EXPECT_NE(ends_[1].problem, "");
}

TEST_F(StreamsTest, WhatComesBeforeTheProgramWaitsForIt) {
  open_and_link();
  take(0, "early ");
  take(1, "bird");
  take_end(2);
  EXPECT_THAT(credits_, IsEmpty()) << "nobody has taken it";
  auto peer = connect();
  EXPECT_EQ(peer.text(), "early bird");
  EXPECT_TRUE(peer.is_ended());
  EXPECT_THAT(credits_, ElementsAre(1, 2));
}

TEST_F(StreamsTest, WhatNoProgramTakesBreaks) {
  settings_.unclaimed = std::chrono::milliseconds{1};
  open_and_link();
  take(0, "for nobody");
  step_until([&] { return !ends_.empty(); });
  EXPECT_EQ(ends_[0].stream, stream);
  EXPECT_NE(ends_[0].problem, "");
  EXPECT_TRUE(connect().is_closed());
}

TEST_F(StreamsTest, NoMoreThanSomeWaitForTheirPrograms) {
  settings_.most_unclaimed = 2;
  open_and_link();
  for (int i = 0; i < 3; ++i) streams_->take(chunk(0, "x", base + "." + std::to_string(i)));
  step();
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_EQ(ends_[0].stream, base + ".2");
  EXPECT_EQ(connect(base + ".0").text(), "x");
}

TEST_F(StreamsTest, ANameThatIsNoneIsRefused) {
  open_and_link();
  for (const auto* name : {"", "../secrets", "01ARZ3NDEKTSV4RRFFQ69G5FAV.x"}) {
    EXPECT_TRUE(connect(name).is_closed()) << name;
  }
  Peer endless{settings_.socket.string()};
  endless.write(std::string(1000, 'x'));
  step();
  EXPECT_TRUE(endless.is_ended());
  streams_->take(chunk(0, "x", "../secrets"));
  step();
  ASSERT_THAT(ends_, SizeIs(1));
  EXPECT_NE(ends_[0].problem, "");
  EXPECT_THAT(chunks_, IsEmpty());
}

TEST_F(StreamsTest, ANameHasOneProgram) {
  open_and_link();
  auto first = connect();
  auto second = connect();
  EXPECT_TRUE(second.is_closed());
  first.write("mine");
  step();
  EXPECT_EQ(sent(), "mine");
}

TEST_F(StreamsTest, AProgramThatNamesNothingIsTurnedAway) {
  settings_.greeting = std::chrono::milliseconds{1};
  open_and_link();
  Peer silent{settings_.socket.string()};
  step_until([&] { return silent.is_closed(); });
}

TEST_F(StreamsTest, NoMoreThanSomeProgramsAreLetIn) {
  settings_.most_programs = 2;
  open_and_link();
  auto first = connect(base + ".0");
  Peer unnamed{settings_.socket.string()};
  step();
  EXPECT_TRUE(connect(base + ".1").is_closed());
  unnamed.go_away();
  step();
  EXPECT_FALSE(connect(base + ".2").is_ended());
}

TEST_F(StreamsTest, WithoutALinkProgramsAreTurnedAway) {
  open();
  EXPECT_TRUE(connect().is_closed());
  take(0, "nobody sent this");
  streams_->link_up();
  auto peer = connect();
  EXPECT_FALSE(peer.is_ended());
  EXPECT_EQ(peer.text(), "");
}

TEST_F(StreamsTest, ALostLinkBreaksAllOfThemAndTellsNobody) {
  open_and_link();
  auto first = connect(base + ".0");
  auto second = connect(base + ".1");
  streams_->take(chunk(0, "x", base + ".2"));
  streams_->link_lost();
  step();
  EXPECT_TRUE(first.is_closed());
  EXPECT_TRUE(second.is_closed());
  EXPECT_THAT(ends_, IsEmpty());
  streams_->link_up();
  EXPECT_EQ(connect(base + ".2").text(), "") << "what waited is gone too";
}

TEST_F(StreamsTest, AStopClosesAllOfThem) {
  open_and_link();
  auto peer = connect();
  Peer unnamed{settings_.socket.string()};
  step();
  close();
  EXPECT_TRUE(peer.is_closed());
  EXPECT_TRUE(unnamed.is_closed());
}

TEST_F(StreamsTest, WithoutAFolderForItsSocketItGoesOn) {
  settings_.socket = folder_ / "no" / "streams.sock";
  streams_ = std::make_unique<Streams>(context_.get_executor(), settings_, [](auto) {});
  step();
  streams_->link_up();
  streams_->take(chunk(0, "x"));
  step();
}

}  // namespace
}  // namespace portoser::agent::streams
