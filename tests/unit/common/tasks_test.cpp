#include "common/tasks.h"

#include "common/child.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace portoser {
namespace {

using namespace std::chrono_literals;

template <class T>
T run(asio::awaitable<T> work) {
  asio::io_context context;
  std::optional<T> result;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(work), [&](const std::exception_ptr& error, T value) {
    failure = error;
    result = std::move(value);
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

asio::awaitable<int> answer_after(std::chrono::milliseconds delay) {
  co_await pause(delay);
  co_return 42;
}

asio::awaitable<int> fail_at_once() {
  co_await pause(0ms);
  throw Error{Code::conflict, "no"};
}

TEST(BothOf, GivesBothOrTheErrorOfOne) {
  EXPECT_EQ(run(both_of(answer_after(1ms), answer_after(0ms))), (std::pair{42, 42}));
  EXPECT_THROW(run(both_of(fail_at_once(), answer_after(0ms))), Error);
  EXPECT_THROW(run(both_of(answer_after(0ms), fail_at_once())), Error);
  EXPECT_THROW(run(both_of(fail_at_once(), fail_at_once())), Error);
}

TEST(WithDeadline, GivesTheResult) {
  EXPECT_EQ(run(with_deadline(answer_after(0ms), 10s, "it")), 42);
}

TEST(WithDeadline, EndsWhatTakesTooLong) {
  try {
    run(with_deadline(answer_after(1h), 1ms, "the answer"));
    FAIL() << "it waited";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::deadline);
    EXPECT_EQ(error.message(), "the answer took too long");
  }
}

TEST(WithDeadline, PassesAFailureOnWithoutWaiting) {
  EXPECT_THROW(run(with_deadline(fail_at_once(), 1h, "it")), Error);
}

asio::awaitable<void> forever(bool& ended) {
  try {
    co_await pause(1h);
  } catch (...) {
    ended = true;
    throw;
  }
}

TEST(TaskGroup, CancelsItsTasksAndIsOverWhenTheyAre) {
  asio::io_context context;
  TaskGroup tasks{context.get_executor()};
  bool first = false;
  bool second = false;
  bool joined = false;
  tasks.spawn("first", forever(first));
  tasks.spawn("second", forever(second));
  tasks.stop();
  asio::co_spawn(context, tasks.join(), [&](const std::exception_ptr&) { joined = true; });
  context.run();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_TRUE(joined);
}

asio::awaitable<void> failing() {
  co_await pause(0ms);
  throw Error{Code::internal, "a task of this test fails on purpose"};
}

asio::awaitable<void> mark(bool& done) {
  co_await pause(1ms);
  done = true;
}

TEST(TaskGroup, GoesOnWhenOneTaskFails) {
  asio::io_context context;
  TaskGroup tasks{context.get_executor()};
  bool done = false;
  tasks.spawn("failing", failing());
  tasks.spawn("good", mark(done));
  context.run();
  EXPECT_TRUE(done);
}

ChildResult run_shell(const std::string& script, std::chrono::milliseconds limit = 10s) {
  ChildRequest request;
  request.argv = {"sh", "-c", script};
  request.limit = limit;
  return run(run_child(std::move(request)));
}

TEST(Child, GivesOutputAndExitCode) {
  const auto result = run_shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_FALSE(result.timed_out);
}

TEST(Child, GivesErrorsApartWhereAsked) {
  ChildRequest request;
  request.argv = {"sh", "-c", "echo out; echo err >&2"};
  request.errors_apart = true;
  const auto result = run(run_child(std::move(request)));
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
}

TEST(Child, IsKilledAtItsLimit) {
  const auto result = run_shell("exec sleep 1000", 50ms);
  EXPECT_TRUE(result.timed_out);
}

TEST(Child, KeepsNoMoreOutputThanAllowed) {
  ChildRequest request;
  request.argv = {"sh", "-c", "head -c 100000 /dev/zero"};
  request.output_limit = 1000;
  EXPECT_EQ(run(run_child(std::move(request))).output.size(), 1000U);
}

TEST(Child, ThatDoesNotExistIsNotFound) {
  for (const auto* program : {"no-such-program-anywhere", "/no/such/program"}) {
    ChildRequest request;
    request.argv = {program};
    try {
      run(run_child(std::move(request)));
      ADD_FAILURE() << program << " ran";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_found);
    }
  }
}

/// A group of processes that the kernel can freeze: what is frozen does not die of SIGKILL, like a
/// process that waits for a disk which does not answer.
class Freezer {
 public:
  Freezer() { is_there_ = ::mkdir(folder_.c_str(), 0755) == 0; }
  ~Freezer() {
    if (!is_there_) return;
    set("freezer.state", "THAWED");
    while (::rmdir(folder_.c_str()) != 0 && errno == EBUSY) std::this_thread::yield();
  }
  [[nodiscard]] bool is_there() const { return is_there_; }
  [[nodiscard]] std::string script() const {
    return "echo $$ > " + folder_ + "/cgroup.procs; echo FROZEN > " + folder_ +
           "/freezer.state; sleep 1";
  }
  [[nodiscard]] std::string state() const {
    std::string state;
    std::ifstream{folder_ + "/freezer.state"} >> state;
    return state;
  }

 private:
  void set(const std::string& file, const std::string& text) const {
    std::ofstream{folder_ + "/" + file} << text;
  }
  std::string folder_ = "/sys/fs/cgroup/freezer/portoser-test-" + std::to_string(::getpid());
  bool is_there_ = false;
};

TEST(RunChild, WaitsForNobodyWhomTheKernelHolds) {
  const Freezer freezer;
  if (!freezer.is_there()) GTEST_SKIP() << "this machine has no freezer of control groups v1";
  ChildRequest request;
  request.argv = {"/bin/sh", "-c", freezer.script()};
  request.limit = 500ms;
  const auto ended = run(run_child(std::move(request)));
  EXPECT_TRUE(ended.timed_out);
  EXPECT_EQ(freezer.state(), "FROZEN") << "it was not held";
  request.argv = {"/bin/true"};
  EXPECT_EQ(run(run_child(std::move(request))).exit_code, 0);
}

}  // namespace
}  // namespace portoser
