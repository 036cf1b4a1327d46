#include "tests/unit/storage/storage_test.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <set>
#include <unistd.h>

namespace portoser::storage {
namespace {

using CrashTest = StorageTest;

asio::awaitable<void> append_for_ever(EventStore events, int acknowledged) {
  for (std::int64_t sequence = 1;; ++sequence) {
    std::vector<EventRecord> one(1, event(sequence));
    const auto ids = co_await events.append(std::move(one));
    if (::write(acknowledged, &ids[0], sizeof ids[0]) != sizeof ids[0]) {
      co_return;
    }
  }
}

[[noreturn]] void be_the_child(const std::filesystem::path& path, int acknowledged) {
  const SystemClock clock;
  asio::io_context io;
  Database database{path, clock};
  asio::co_spawn(io, append_for_ever(EventStore{database}, acknowledged), asio::use_future);
  io.run();
  std::_Exit(1);
}

TEST_F(CrashTest, AKilledControllerHasEveryAcknowledgedEvent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();  // no other thread runs in this test yet
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    be_the_child(path(), ends[1]);
  }
  ::close(ends[1]);
  std::set<std::int64_t> acknowledged;
  std::int64_t id = 0;
  while (::read(ends[0], &id, sizeof id) == sizeof id) {
    acknowledged.insert(id);
    if (acknowledged.size() == 100) {
      ::kill(child, SIGKILL);  // in the middle of what it does; the pipe may hold more
    }
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_GE(acknowledged.size(), 100U);

  open();  // the dead one's lock is gone
  EventFilter everything;
  everything.limit = 100'000;
  for (const auto& stored : run(EventStore{*database_}.list(everything))) {
    acknowledged.erase(stored.id);
  }
  EXPECT_TRUE(acknowledged.empty()) << acknowledged.size() << " events were lost";
}

}  // namespace
}  // namespace portoser::storage
