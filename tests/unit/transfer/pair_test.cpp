// Whole transfers: the program as both hosts run it, rsync, and streams between them.
#include "agent/transfer/compare.h"
#include "agent/transfer/receive.h"
#include "agent/transfer/send.h"
#include "common/describe_json.h"
#include "common/file.h"
#include "common/ids.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/transfer/fake_engine_data.h"
#include "tests/unit/transfer/relay.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>

namespace portoser::agent::transfer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::chrono::minutes patience{1};

std::string stream_number(int number) {
  return fmt::format("01J00000000000000000000{:03}", number);
}

class Pair : public testing::Test {
 protected:
  Pair() {
    fs::create_directories(source());
    fs::create_directories(folder / "data-b");
  }
  [[nodiscard]] fs::path source() const { return folder / "a/apps/notes"; }
  [[nodiscard]] fs::path target() const { return folder / "b/apps/notes"; }

  void put(const std::string& name, const std::string& text) const {
    const auto path = source() / name;
    fs::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
  }

  /// A folder of a command in the journal, with the parameters of one side.
  fs::path command(const std::string& side, bool is_final) {
    Parameters parameters;
    parameters.data = (folder / ("data-" + side)).string();
    parameters.stream_socket = relay.socket().string();
    parameters.engine_socket = "/nowhere/docker.sock";
    parameters.service = "notes";
    parameters.move = "01J0000000000000000000000M";
    parameters.stream = stream_number(attempt);
    parameters.is_final = is_final;
    protocol::DataRoot root;
    root.kind = "folder";
    root.path = (side == "a" ? source() : target()).string();
    parameters.roots = {root};
    const auto out = folder / fmt::format("command-{}-{}", side, attempt);
    fs::create_directories(out);
    write_file_atomic(out / "parameters.json", dump(to_json(parameters)));
    return out;
  }

  struct Ends {
    int sent = -1;
    int received = -1;
    std::string sender;    ///< what it wrote
    std::string receiver;  ///< likewise
  };
  /// One attempt, with a stream of its own.
  Ends transfer(bool is_final) {
    ++attempt;
    test::ProcessRequest request;
    request.argv = {PORTOSER_TRANSFER, "send", command("a", is_final).string()};
    request.log_file = folder / fmt::format("send-{}.log", attempt);
    const test::Process sending{request};
    const auto receiving = command("b", is_final).string();
    Ends ends;
    std::vector<std::string> steps{"prepare", "fetch"};
    if (is_final) steps.emplace_back("compare");
    for (const auto& step : steps) {
      const auto ended = test::run_command({PORTOSER_TRANSFER, step, receiving});
      ends.received = ended.exit_status;
      ends.receiver += ended.output;
      if (ended.exit_status != 0) break;
    }
    ends.sent = sending.wait(patience);
    ends.sender = sending.log();
    return ends;
  }
  [[nodiscard]] std::vector<std::string> differences() const {
    ManifestWalk there{source(), false};
    ManifestWalk here{target(), false};
    return compare([&] { return there.next(); }, [&] { return here.next(); }).lines;
  }
  static fs::path made(fs::path path) {
    fs::create_directories(path);
    return path;
  }

  test::TempFolder folder{"pair"};
  int attempt = 0;
  // A path that has to be quoted for rsync.
  Relay relay{made(folder / "it's here") / "streams.sock"};
};

TEST_F(Pair, AFolderComesWholeAndIsCompared) {
  put("docker-compose.yml", "services: {}\n");
  put("data/db/file", std::string(300'000, 'x'));
  put("data/new\nline", "1");
  put("data/\xff\xfe", "2");
  put("data/setuid", "3");
  ASSERT_EQ(::chmod((source() / "data/setuid").c_str(), 04711), 0);
  fs::create_directories(source() / "data/empty");
  fs::create_symlink("/nowhere", source() / "data/broken");
  fs::create_hard_link(source() / "data/db/file", source() / "data/link");
  ASSERT_EQ(::mkfifo((source() / "data/pipe").c_str(), 0600), 0);
  put("data/holes", "");
  fs::resize_file(source() / "data/holes", 10'000'000);
  const auto ends = transfer(true);
  EXPECT_EQ(ends.received, 0) << ends.receiver;
  EXPECT_EQ(ends.sent, 0) << ends.sender;
  EXPECT_THAT(differences(), ElementsAre());
  EXPECT_THAT(ends.receiver, HasSubstr("is the same on both hosts"));
  struct stat holes {};
  ASSERT_EQ(::stat((target() / "data/holes").c_str(), &holes), 0);
  EXPECT_LT(holes.st_blocks * 512, 1'000'000);
  EXPECT_THAT(
      relay.streams(),
      ElementsAre(stream_number(1) + ".0", stream_number(1) + ".1", stream_number(1) + ".2"));
}

TEST_F(Pair, TheLastPassBringsWhatChangedAndTakesWhatWentAway) {
  put("kept", "1");
  put("gone", "2");
  const auto first = transfer(false);
  EXPECT_EQ(first.received, 0) << first.receiver;
  EXPECT_EQ(first.sent, 0) << first.sender;
  EXPECT_TRUE(fs::exists(target() / "gone"));
  fs::remove(source() / "gone");
  put("new", "3");
  const auto second = transfer(true);
  EXPECT_EQ(second.received, 0) << second.receiver;
  EXPECT_THAT(differences(), ElementsAre());
}

TEST_F(Pair, ACutIsSaidAndTheNextAttemptGoesOnFromThere) {
  constexpr std::int64_t size = 24 << 20;
  put("big", random_bytes(static_cast<std::size_t>(size)));
  relay.cut_after(size / 2);
  const auto cut = transfer(true);
  EXPECT_EQ(cut.received, 1);
  EXPECT_THAT(cut.receiver, HasSubstr("\nTRANSFER_CUT: "));
  EXPECT_EQ(cut.sent, 1);
  EXPECT_THAT(cut.sender, HasSubstr("TRANSFER_CUT: "));
  const auto before = relay.passed();
  const auto again = transfer(true);
  EXPECT_EQ(again.received, 0) << again.receiver;
  EXPECT_EQ(again.sent, 0) << again.sender;
  EXPECT_THAT(differences(), ElementsAre());
  EXPECT_LT(relay.passed() - before, size * 2 / 3);
}

TEST_F(Pair, FilesThatAreNoLongerOneAreMendedByTheSecondLook) {
  put("a", "one");
  fs::create_hard_link(source() / "a", source() / "b");
  ASSERT_EQ(transfer(false).received, 0);
  fs::remove(source() / "b");
  put("b", "two two");
  const auto ends = transfer(true);
  EXPECT_EQ(ends.received, 0) << ends.receiver;
  EXPECT_THAT(ends.receiver, HasSubstr("every byte is looked at"));
  EXPECT_THAT(differences(), ElementsAre());
}

TEST_F(Pair, FilesOfTheSameContentThatAreNoLongerOneAreMendedToo) {
  put("a", "one");
  fs::create_hard_link(source() / "a", source() / "b");
  ASSERT_EQ(transfer(false).received, 0);
  struct stat facts {};
  ASSERT_EQ(::stat((source() / "a").c_str(), &facts), 0);
  fs::remove(source() / "b");
  put("b", "one");
  const timespec times[2] = {facts.st_atim, facts.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, (source() / "b").c_str(), times, 0), 0);
  const auto ends = transfer(true);
  EXPECT_EQ(ends.received, 0) << ends.receiver;
  EXPECT_THAT(differences(), ElementsAre());
}

TEST_F(Pair, AChangeThatTimeAndSizeDoNotShowIsFound) {
  put("file", "one");
  ASSERT_EQ(transfer(false).received, 0);
  struct stat facts {};
  ASSERT_EQ(::stat((target() / "file").c_str(), &facts), 0);
  std::ofstream{target() / "file"} << "two";
  const timespec times[2] = {facts.st_atim, facts.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, (target() / "file").c_str(), times, 0), 0);
  const auto ends = transfer(true);
  EXPECT_EQ(ends.received, 0) << ends.receiver;
  EXPECT_EQ(read_file(target() / "file"), "one");
}

TEST_F(Pair, AFolderOfSomebodyElseIsLeftAloneAndTheSenderTold) {
  put("file", "one");
  fs::create_directories(target());
  std::ofstream{target() / "mine"} << "x";
  const auto ends = transfer(false);
  EXPECT_EQ(ends.received, 1);
  EXPECT_THAT(ends.receiver, HasSubstr("FOLDER_EXISTS: "));
  EXPECT_EQ(ends.sent, 1);
  EXPECT_THAT(ends.sender, HasSubstr("the other host gave up"));
  EXPECT_EQ(read_file(target() / "mine"), "x");
  EXPECT_FALSE(fs::exists(target() / "file"));
}

TEST_F(Pair, TheReasonIsTheLastLineAndTheHintBeforeIt) {
  const auto empty = folder / "command";
  fs::create_directories(empty);
  Parameters parameters;
  parameters.data = (folder / "data-b").string();
  parameters.move = "01J0000000000000000000000M";
  parameters.engine_socket = "/nowhere/docker.sock";
  protocol::DataRoot root;
  root.kind = "folder";
  root.path = "/";
  parameters.roots = {root};
  write_file_atomic(empty / "parameters.json", dump(to_json(parameters)));
  const auto ended = test::run_command({PORTOSER_TRANSFER, "discard", empty.string()});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.output, StartsWith("hint: "));
  EXPECT_THAT(ended.output, HasSubstr("\nFOLDER_REFUSED: "));
}

TEST_F(Pair, WithoutRsyncItIsSaidSo) {
  test::CommandOptions options;
  options.environment = {{"PATH", (folder / "nothing").string()}};
  const auto ended =
      test::run_command({PORTOSER_TRANSFER, "send", command("a", false).string()}, options);
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.output, HasSubstr("apt-get install rsync"));
  EXPECT_THAT(ended.output, HasSubstr("RSYNC_MISSING: "));
}

class ImagePair : public Pair {
 protected:
  ImagePair() {
    protocol::DataRoot root;
    root.kind = "image";
    root.image = "sha256:aa";
    root.reference = "registry:5000/nginx:1.25";
    parameters.stream_socket = relay.socket().string();
    parameters.stream = stream_number(1);
    parameters.data = (folder / "data-b").string();
    parameters.move = "01J0000000000000000000000M";
    parameters.roots = {root};
    fs::create_directories(folder / "command");
    there.images = {{"sha256:aa", "sha256:aa"}};
    there.contents = {{"sha256:aa", random_bytes(1'000'000)}};
    here.loaded_id = "sha256:aa";
  }
  void fetch() {
    auto sending = std::async(std::launch::async, [this] { Send{parameters, there}.run(); });
    Receive{parameters, here, folder / "command", PORTOSER_TRANSFER}.run("fetch");
    sending.get();
  }

  Parameters parameters;
  FakeEngineData there{folder / "volumes-a"};
  FakeEngineData here{folder / "volumes-b"};
};

TEST_F(ImagePair, AnImageThatTheEngineLacksComesOver) {
  fetch();
  EXPECT_TRUE(here.contents.at("sha256:aa") == there.contents.at("sha256:aa"));
  EXPECT_EQ(here.images.at("registry:5000/nginx:1.25"), "sha256:aa");
}

TEST_F(ImagePair, AnImageThatIsHereDoesNot) {
  here.images = {{"sha256:aa", "sha256:aa"}};
  fetch();
  EXPECT_TRUE(here.contents.empty());
  EXPECT_EQ(here.images.at("registry:5000/nginx:1.25"), "sha256:aa");
}

TEST_F(ImagePair, ANameThatIsTakenHereStaysAndEndsBoth) {
  here.images = {{"registry:5000/nginx:1.25", "sha256:bb"}};
  auto sending = std::async(std::launch::async, [this] { Send{parameters, there}.run(); });
  try {
    Receive{parameters, here, folder / "command", PORTOSER_TRANSFER}.run("fetch");
    ADD_FAILURE() << "the service would run another image";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "IMAGE_DIFFERS");
  }
  EXPECT_THROW(sending.get(), Error);
  EXPECT_TRUE(here.contents.empty());
  EXPECT_EQ(here.images.at("registry:5000/nginx:1.25"), "sha256:bb");
}

TEST_F(ImagePair, WhatFailsHereIsNoCutThoughTheOtherHostSaysNothing) {
  there.contents.clear();
  auto sending = std::async(std::launch::async, [this] { Send{parameters, there}.run(); });
  {
    Channel channel{relay.socket(), parameters.stream + ".0"};
    Request request;
    request.wants = "image";
    channel.write(to_line(request) + "\n");
    channel.end_writing();
    channel.drain();
  }
  Channel{relay.socket(), parameters.stream + ".1"}.end_writing();
  try {
    sending.get();
    ADD_FAILURE() << "there was nothing to send";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "INTERNAL") << error.message();
  }
}

TEST_F(ImagePair, AnImageThatIsNotThereAnyMoreEndsBoth) {
  there.contents.clear();
  auto sending = std::async(std::launch::async, [this] { Send{parameters, there}.run(); });
  Receive receive{parameters, here, folder / "command", PORTOSER_TRANSFER};
  EXPECT_THROW(receive.run("fetch"), Error);
  EXPECT_THROW(sending.get(), Error);
  EXPECT_TRUE(here.images.empty());
}

}  // namespace
}  // namespace portoser::agent::transfer
