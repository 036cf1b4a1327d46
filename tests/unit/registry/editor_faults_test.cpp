// Others who write the file, and disks that take nothing.
#include "tests/support/small_disk.h"
#include "tests/unit/registry/editor_fixture.h"

#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <thread>
#include <unistd.h>

namespace portoser::registry {
namespace {

using testing::ElementsAre;

TEST_F(RegistryEditorTest, WhoeverSavesAtTheSameMomentLosesNothing) {
  start();
  int saves = 0;
  before_replace_ = [&] {
    if (++saves <= 2)
      write_file_atomic(file_, on_disk() + "# by hand " + std::to_string(saves) + "\n");
  };
  edit(new_port);
  EXPECT_EQ(on_disk(), with_new_port + "# by hand 1\n# by hand 2\n");
  EXPECT_EQ(saves, 3);
  EXPECT_EQ(run(editor_->history()).size(), 1U);
}

/// A program that copies in pieces (scp, rsync --inplace) would go on in a file that is replaced.
TEST_F(RegistryEditorTest, ASaveInSeveralStepsIsWaitedFor) {
  start();
  std::string longer = sample;
  for (int i = 0; i < 40; ++i) {
    longer += "  s" + std::to_string(i) + ": {current_host: den, docker_compose: /s.yml}\n";
  }
  std::atomic<bool> has_begun{false};
  std::thread saver{[&] {
    std::ofstream file{file_, std::ios::trunc};
    for (std::size_t at = 0; at < longer.size(); at += 200) {
      file << longer.substr(at, 200) << std::flush;
      has_begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }};
  while (!has_begun) std::this_thread::yield();
  edit(new_port);
  saver.join();
  EXPECT_EQ(on_disk(), replaced(longer, "# and no more\n", "# and no more\n    port: 8090\n"));
}

TEST_F(RegistryEditorTest, AFileThatVanishedOrWasEmptiedIsNotBegunAnew) {
  start();
  EntryEdit host;
  host.kind = EntryEdit::Kind::add;
  host.section = Section::hosts;
  host.name = "new";
  host.fields = {{"ip", FieldValue::of_text("c")}};
  for (const auto* text : {"", "\n", "# mine\n", "hosts: [\n"}) {
    write_file_atomic(file_, text);
    EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN") << text;
    EXPECT_EQ(on_disk(), text);
  }
  std::filesystem::remove(file_);
  EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN");
  EXPECT_FALSE(std::filesystem::exists(file_));
  write_file_atomic(file_, sample.substr(0, sample.size() - 4));
  EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN") << "it ends inside a line";
}

/// What is shorter by the end of a line looks like a save that is not over.
TEST_F(RegistryEditorTest, AnEditOfALastLineWithoutItsEndIsInForce) {
  start("services:\n  wiki:\n    docker_compose: /wiki.yml\n    port: 8090");
  const auto outcome = edit(change_of(Section::services, "wiki", {{"port", number(809)}}));
  EXPECT_EQ(watch_->snapshot()->registry->find_service("wiki")->port, 809);
  EXPECT_EQ(watch_->snapshot()->registry->revision, outcome.revision);
  EXPECT_EQ(on_disk(), "services:\n  wiki:\n    docker_compose: /wiki.yml\n    port: 809\n");
}

TEST_F(RegistryEditorTest, ALockOfAnotherProcessHoldsUpNoReaderAndNoEnd) {
  start();
  const Descriptor lock{
      ::open((file_.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EditTerms terms;
  terms.who = "ada";
  std::vector<std::future<EditOutcome>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(asio::co_spawn(context_, editor_->edit(new_port, terms), asio::use_future));
  }
  EXPECT_EQ(run(editor_->text()).text, sample);
  EXPECT_EQ(waiting[0].wait_for(std::chrono::seconds{0}), std::future_status::timeout)
      << "who reads has waited for who writes";
  editor_->stop();
  for (auto& one : waiting) {
    try {
      one.get();
      ADD_FAILURE() << "it was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "STOPPING");
    }
  }
}

TEST_F(RegistryEditorTest, AnotherProcessIsWaitedFor) {
  start();
  const auto lock = file_.string() + ".lock";
  Descriptor held{::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  auto work = editor_->edit(new_port, {"ada", {}, false});
  auto edited = asio::co_spawn(context_, std::move(work), asio::use_future);
  EXPECT_EQ(edited.wait_for(std::chrono::milliseconds{200}), std::future_status::timeout);
  EXPECT_EQ(on_disk(), sample);
  held = Descriptor{};
  edited.get();
  EXPECT_EQ(on_disk(), with_new_port);
}

TEST_F(RegistryEditorTest, ALockThatIsNeverGivenBackIsAnError) {
  start();
  const auto lock = file_.string() + ".lock";
  const Descriptor held{::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  EXPECT_EQ(refused(new_port).reason(), "REGISTRY_LOCKED");
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AFolderThatMayNotBeWrittenIsAClearError) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  start();
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto error = refused(new_port);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(error.reason(), "REGISTRY_NOT_WRITABLE") << error.message();
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_FALSE(error.hint().empty());
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AReplacementThatFailsLeavesTheFileAndNoTrace) {
  start();
  // A folder in the place of the file: it can be neither exchanged nor renamed over unseen.
  before_replace_ = [&] {
    before_replace_ = {};
    std::filesystem::rename(file_, file_.string() + ".kept");
    std::filesystem::create_directory(file_);
  };
  EXPECT_EQ(refused(new_port).reason(), "REGISTRY_BROKEN");
  EXPECT_EQ(read_file(file_.string() + ".kept"), sample);
  EXPECT_THAT(names_in_folder(),
              ElementsAre("registry.yml", "registry.yml.kept", "registry.yml.lock"));
  EXPECT_TRUE(run(editor_->history()).empty());
}

TEST_F(RegistryEditorTest, AFullDiskOfTheRegistryChangesNothing) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to mount a small disk";
  const test::SmallDisk disk{folder_ / "small"};
  file_ = disk.path() / "registry.yml";
  start();
  edit(change_of(Section::services, "store", {{"port", number(1)}}));
  const auto before = on_disk();
  disk.fill();
  const auto error = refused(new_port);
  EXPECT_EQ(error.reason(), "DISK_FULL") << error.message();
  EXPECT_EQ(on_disk(), before);
  EXPECT_EQ(run(editor_->history()).size(), 1U);
  disk.make_room();
  edit(new_port);
  EXPECT_NE(on_disk(), before);
}

TEST_F(RegistryEditorTest, AFullDiskOfTheBackupsChangesNothing) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to mount a small disk";
  const test::SmallDisk disk{folder_ / "small"};
  backups_ = disk.path() / "backups";
  start();
  disk.fill();
  EXPECT_EQ(refused(new_port).reason(), "DISK_FULL");
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AFileThatMayNotGrowStaysAsItIs) {
  start();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto limited = before;
  limited.rlim_cur = 16;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  const auto error = refused(new_port);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(error.message().empty());
  EXPECT_EQ(on_disk(), sample);
  EXPECT_THAT(names_in_folder(), ElementsAre("registry.yml", "registry.yml.lock"));
}

TEST_F(RegistryEditorTest, WhatAKilledWriterLeftIsTakenAway) {
  start();
  write_file_atomic(file_.parent_path() / ".registry.yml.0123456789ab", "hosts: {");
  write_file_atomic(file_.parent_path() / ".registry.yml.swp", "an editor's");
  edit(new_port);
  EXPECT_THAT(names_in_folder(),
              ElementsAre(".registry.yml.swp", "registry.yml", "registry.yml.lock"));
}

}  // namespace
}  // namespace portoser::registry
