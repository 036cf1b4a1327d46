#include "controller/registry/watch.h"

#include "common/file.h"
#include "common/ids.h"
#include "common/tasks.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

namespace portoser::registry {
namespace {

const std::string one_service =
    "hosts: {den: {ip: h}}\nservices:\n  wiki: {docker_compose: /opt/wiki.yml, current_host: "
    "den}\n";
const std::string two_services = one_service + "  mail: {docker_compose: /opt/mail.yml}\n";

class RegistryWatchTest : public testing::Test {
 protected:
  RegistryWatchTest() { std::filesystem::create_directories(folder_); }

  ~RegistryWatchTest() override {
    tasks_.stop();
    work_.reset();
    context_.run_for(std::chrono::seconds{10});
    watch_.reset();
    std::filesystem::remove_all(root_);
  }

  void save_in_place(const std::string& text) const {
    std::ofstream{file_, std::ios::trunc | std::ios::binary} << text;
  }

  RegistryWatch& start() {
    watch_ = std::make_unique<RegistryWatch>(context_.get_executor(), file_, clock_);
    watch_->subscribe([this](const RegistryWatch::StatePtr& state) { told_.push_back(state); });
    tasks_.spawn("registry watch", watch_->run());
    return *watch_;
  }

  /// Runs the loop until `condition` holds, or fails.
  void await(const std::string& reason, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) {
        FAIL() << "waited in vain: " << reason;
      }
      context_.run_one_for(std::chrono::milliseconds{100});
    }
  }

  void await_services(std::size_t count) {
    await(std::to_string(count) + " services", [&] {
      const auto state = watch_->snapshot();
      return state->source == Source::ok && state->registry->services().size() == count;
    });
  }

  void await_source(Source source) {
    await(enum_name(source), [&] { return watch_->snapshot()->source == source; });
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("registry-watch-" + random_hex(6));
  std::filesystem::path folder_ = root_ / "etc";
  std::filesystem::path file_ = folder_ / "registry.yml";
  ManualClock clock_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  TaskGroup tasks_{context_.get_executor()};
  std::unique_ptr<RegistryWatch> watch_;
  std::vector<RegistryWatch::StatePtr> told_;
};

TEST_F(RegistryWatchTest, TheFileIsReadBeforeTheWatchRuns) {
  save_in_place(one_service);
  const RegistryWatch watch{context_.get_executor(), file_, clock_};
  const auto state = watch.snapshot();
  EXPECT_EQ(state->source, Source::ok);
  EXPECT_EQ(state->problem.has_value(), false);
  EXPECT_EQ(state->loaded_at, clock_.now());
  EXPECT_EQ(state->registry->services().size(), 1U);
  EXPECT_EQ(state->registry->file, file_.string());
}

TEST_F(RegistryWatchTest, WithoutAFileThereIsAnEmptyRegistryAndTheReason) {
  const RegistryWatch watch{context_.get_executor(), file_, clock_};
  const auto state = watch.snapshot();
  EXPECT_EQ(state->source, Source::missing);
  ASSERT_TRUE(state->problem.has_value());
  EXPECT_NE(state->problem->message.find(file_.string()), std::string::npos);
  ASSERT_NE(state->registry, nullptr);
  EXPECT_TRUE(state->registry->services().empty());
  EXPECT_EQ(state->registry->revision, "");
}

TEST_F(RegistryWatchTest, ABrokenFileAtTheStartIsNeverRead) {
  save_in_place("hosts:\n\tden: {}\n");
  const RegistryWatch watch{context_.get_executor(), file_, clock_};
  const auto state = watch.snapshot();
  EXPECT_EQ(state->source, Source::never_read);
  ASSERT_TRUE(state->problem.has_value());
  EXPECT_EQ(state->problem->where, file_.string() + ":2:1");
  EXPECT_FALSE(state->problem->hint.empty());
  EXPECT_EQ(state->problem->details.size(), 1U);
}

TEST_F(RegistryWatchTest, AFolderInTheFilesPlaceIsAProblem) {
  std::filesystem::create_directories(file_);
  const RegistryWatch watch{context_.get_executor(), file_, clock_};
  EXPECT_EQ(watch.snapshot()->source, Source::never_read);
}

TEST_F(RegistryWatchTest, AFileThatAppearsIsRead) {
  start();
  await_source(Source::missing);
  save_in_place(one_service);
  await_services(1);
}

TEST_F(RegistryWatchTest, ASaveInPlaceIsRead) {
  save_in_place(one_service);
  start();
  await_services(1);
  save_in_place(two_services);
  await_services(2);
}

TEST_F(RegistryWatchTest, ASaveByRenameIsReadAndToldOnce) {
  save_in_place(one_service);
  auto& watch = start();
  await_services(1);
  const auto before = watch.snapshot();
  clock_.advance(std::chrono::seconds{5});
  write_file_atomic(file_, two_services);
  await_services(2);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_.front(), watch.snapshot());
  EXPECT_EQ(told_.front()->loaded_at, clock_.now());
  EXPECT_EQ(before->registry->services().size(), 1U);
}

TEST_F(RegistryWatchTest, ABrokenSaveKeepsTheLastGoodOneUntilItIsMended) {
  save_in_place(one_service);
  auto& watch = start();
  await_services(1);
  const auto good = watch.snapshot()->registry;
  save_in_place("hosts:\n  den: {ip: a}\n  den: {ip: b}\nservices: {}\n");
  await_source(Source::last_good);
  const auto broken = watch.snapshot();
  EXPECT_EQ(broken->registry, good);
  ASSERT_TRUE(broken->problem.has_value());
  EXPECT_EQ(broken->problem->where, file_.string() + ":3:3");
  save_in_place(one_service);
  await_services(1);
  EXPECT_FALSE(watch.snapshot()->problem.has_value());
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0]->source, Source::last_good);
  EXPECT_EQ(told_[1]->source, Source::ok);
}

TEST_F(RegistryWatchTest, AnEmptiedFileKeepsTheLastGoodOne) {
  save_in_place(one_service);
  auto& watch = start();
  await_services(1);
  save_in_place("");
  await_source(Source::last_good);
  EXPECT_EQ(watch.snapshot()->registry->services().size(), 1U);
}

TEST_F(RegistryWatchTest, AFileThatVanishesAndReturnsKeepsTheLastGoodOneMeanwhile) {
  save_in_place(one_service);
  auto& watch = start();
  await_services(1);
  std::filesystem::remove(file_);
  await_source(Source::missing);
  EXPECT_EQ(watch.snapshot()->registry->services().size(), 1U);
  EXPECT_TRUE(watch.snapshot()->problem.has_value());
  save_in_place(two_services);
  await_services(2);
}

TEST_F(RegistryWatchTest, HalfAFileThatIsStillYamlKeepsTheLastGoodOne) {
  save_in_place(two_services);
  auto& watch = start();
  await_services(2);
  save_in_place(two_services.substr(0, two_services.find("}}") + 2) + "\nservices: {}\n");
  await_services(0);  // a shorter file that is whole
  save_in_place(two_services);
  await_services(2);
  const std::string block =
      "hosts: {}\nservices:\n  wiki:\n    docker_compose: /opt/wiki.yml\n  mail:\n"
      "    docker_compose: /opt/mail.yml\n";
  save_in_place(block);
  await("the block form", [&] { return watch.snapshot()->registry->text == block; });
  save_in_place(block.substr(0, block.find("wiki.yml")));
  await_source(Source::last_good);
  EXPECT_EQ(watch.snapshot()->registry->text, block);
  EXPECT_EQ(watch.snapshot()->problem->where, file_.string() + ":4:1");
}

TEST_F(RegistryWatchTest, LeavingOutTheLastServiceIsNoHalfFile) {
  save_in_place(two_services);
  start();
  await_services(2);
  save_in_place(one_service.substr(0, one_service.size() - 1));
  await_services(1);
}

TEST_F(RegistryWatchTest, AFolderThatIsExchangedIsFollowed) {
  save_in_place(one_service);
  start();
  await_services(1);
  std::filesystem::rename(folder_, root_ / "old");
  await_source(Source::missing);
  std::filesystem::create_directories(folder_);
  save_in_place(two_services);
  await_services(2);
}

TEST_F(RegistryWatchTest, AFileBehindALinkIsFollowed) {
  const auto real = root_ / "real.yml";
  write_file_atomic(real, one_service);
  std::filesystem::create_symlink(real, file_);
  start();
  await_services(1);
  write_file_atomic(real, two_services);
  await_services(2);
}

TEST_F(RegistryWatchTest, ReloadFromAnotherExecutorReadsNow) {
  save_in_place(one_service);
  RegistryWatch watch{context_.get_executor(), file_, clock_};
  save_in_place(two_services);
  asio::thread_pool other{1};
  auto result = asio::co_spawn(other, watch.reload(), asio::use_future);
  await("the reload",
        [&] { return result.wait_for(std::chrono::seconds{0}) == std::future_status::ready; });
  EXPECT_EQ(result.get()->registry->services().size(), 2U);
  EXPECT_EQ(watch.snapshot()->registry->services().size(), 2U);
  other.join();
}

TEST_F(RegistryWatchTest, AReloadOfTheSameContentTellsNobody) {
  save_in_place(one_service);
  auto& watch = start();
  const auto before = watch.snapshot();
  write_file_atomic(file_, one_service);
  auto result = asio::co_spawn(context_, watch.reload(), asio::use_future);
  await("the reload",
        [&] { return result.wait_for(std::chrono::seconds{0}) == std::future_status::ready; });
  EXPECT_EQ(result.get(), before);
  EXPECT_TRUE(told_.empty());
}

TEST_F(RegistryWatchTest, ASubscriberThatFailsKeepsNothingFromTheOthers) {
  save_in_place(one_service);
  watch_ = std::make_unique<RegistryWatch>(context_.get_executor(), file_, clock_);
  watch_->subscribe([](const RegistryWatch::StatePtr&) { throw std::runtime_error{"no"}; });
  watch_->subscribe([this](const RegistryWatch::StatePtr& state) { told_.push_back(state); });
  tasks_.spawn("registry watch", watch_->run());
  save_in_place(two_services);
  await_services(2);
  EXPECT_EQ(told_.size(), 1U);
}

TEST_F(RegistryWatchTest, AStopEndsTheWatch) {
  save_in_place(one_service);
  start();
  await_services(1);
  context_.run_for(std::chrono::milliseconds{1});
  tasks_.stop();
  auto ended = asio::co_spawn(context_, tasks_.join(), asio::use_future);
  await("the end of the watch",
        [&] { return ended.wait_for(std::chrono::seconds{0}) == std::future_status::ready; });
}

}  // namespace
}  // namespace portoser::registry
