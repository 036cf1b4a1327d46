#include "tests/unit/storage/storage_test.h"

#include <sys/stat.h>

#include <fstream>
#include <thread>
#include <vector>

namespace portoser::storage {
namespace {

class DatabaseTest : public StorageTest {
 protected:
  /// Keeps the writer busy until `gate` opens.
  std::future<void> hold_writer(Gate& gate) {
    auto held = start(database_->write([&gate](Connection&) { gate.pass(); }));
    poll();
    gate.wait_until_entered();
    return held;
  }

  std::vector<std::future<void>> insert_devices(int count) {
    std::vector<std::future<void>> results;
    for (int number = 1; number <= count; ++number) {
      results.push_back(start(devices().insert(device(number))));
    }
    poll();
    return results;
  }

  DeviceStore devices() { return DeviceStore{*database_}; }
};

TEST_F(DatabaseTest, OneCommitServesAllWhoWait) {
  auto& database = open();
  Gate gate;
  auto held = hold_writer(gate);
  auto inserted = insert_devices(100);
  EXPECT_EQ(database.stats().queue_depth, 100U);
  const auto commits_before = database.stats().commits;
  gate.open();
  finish(std::move(held));
  for (auto& one : inserted) {
    finish(std::move(one));
  }
  EXPECT_EQ(run(devices().all()).size(), 100U);
  EXPECT_EQ(database.stats().commits - commits_before, 2U);  // the held one, and all the others
  EXPECT_EQ(database.stats().items, 101U);
  EXPECT_EQ(database.stats().failures, 0U);
  EXPECT_EQ(database.stats().queue_depth, 0U);
  EXPECT_GT(database.stats().last_commit.count(), 0);
  EXPECT_GT(database.stats().size_bytes, 0U);
}

TEST_F(DatabaseTest, WorkThatFailsIsUndoneAloneAndItsNeighboursAreStored) {
  open();
  Gate gate;
  auto held = hold_writer(gate);
  auto before = start(devices().insert(device(1)));
  auto failing = start(database_->write([](Connection& connection) {
    connection.run(
        "INSERT INTO tokens (id, secret_hash, prefix, description, allow_key_change, "
        "max_uses, uses, created_at, created_by) VALUES ('t', '', '', '', 0, 1, 0, 0, '')");
    throw Error{Code::invalid, "changed my mind"};
  }));
  auto refused = start(database_->write(
      [](Connection& connection) { connection.run("INSERT INTO no_such_table VALUES (1)"); }));
  auto after = start(devices().insert(device(2)));
  poll();
  gate.open();
  finish(std::move(held));
  finish(std::move(before));
  EXPECT_EQ(error_of([&] { finish(std::move(failing)); }).message(), "changed my mind");
  EXPECT_EQ(error_of([&] { finish(std::move(refused)); }).code(), Code::internal);
  finish(std::move(after));
  EXPECT_EQ(run(devices().all()).size(), 2U);
  const auto token_is_there = run(database_->read(
      [](Connection& connection) { return connection.query("SELECT 1 FROM tokens").next(); }));
  EXPECT_FALSE(token_is_there);
  EXPECT_EQ(database_->stats().failures, 2U);
}

TEST_F(DatabaseTest, ReadersSeeTheLastCommitDuringALongWrite) {
  open();
  run(devices().insert(device(1)));
  Gate gate;
  auto held = start(database_->write([&gate](Connection& connection) {
    connection.run("DELETE FROM devices");
    gate.pass();
  }));
  poll();
  gate.wait_until_entered();
  EXPECT_EQ(run(devices().all()).size(), 1U);
  gate.open();
  finish(std::move(held));
  EXPECT_EQ(run(devices().all()).size(), 0U);
}

TEST_F(DatabaseTest, ReadersCannotWrite) {
  open();
  EXPECT_THROW(
      run(database_->read([](Connection& connection) { connection.run("DELETE FROM devices"); })),
      Error);
}

asio::awaitable<std::thread::id> thread_after_insert(DeviceStore store) {
  co_await store.insert(device(1));
  co_return std::this_thread::get_id();
}

TEST_F(DatabaseTest, ResumesOnTheCallersExecutor) {
  open();
  EXPECT_EQ(run(thread_after_insert(devices())), std::this_thread::get_id());
}

TEST_F(DatabaseTest, AReadThatIsGivenUpResumesAtOnceAndIsNotDone) {
  DatabaseOptions options;
  options.readers = 1;
  auto& database = open(options);
  Gate gate;
  bool was_done = false;
  asio::cancellation_signal stop_running;
  asio::cancellation_signal stop_waiting;
  auto running = start(database.read([&gate](Connection&) { gate.pass(); }), stop_running);
  poll();
  gate.wait_until_entered();
  auto waiting = start(database.read([&was_done](Connection&) { was_done = true; }), stop_waiting);
  poll();
  EXPECT_EQ(database.stats().reads_waiting, 1U);
  for (auto* stop : {&stop_running, &stop_waiting}) stop->emit(asio::cancellation_type::all);
  EXPECT_THROW(finish(std::move(running)), boost::system::system_error);
  EXPECT_THROW(finish(std::move(waiting)), boost::system::system_error);
  gate.open();
  EXPECT_EQ(run(database.read([](Connection&) { return 7; })), 7) << "others are answered";
  EXPECT_FALSE(was_done);
}

TEST_F(DatabaseTest, AWriteThatIsCancelledIsDoneAndWaitedFor) {
  auto& database = open();
  Gate gate;
  auto held = hold_writer(gate);
  asio::cancellation_signal stop;
  auto stored = start(devices().insert(device(1)), stop);
  poll();
  stop.emit(asio::cancellation_type::all);
  poll();
  EXPECT_EQ(stored.wait_for(std::chrono::seconds{0}), std::future_status::timeout);
  gate.open();
  finish(std::move(held));
  finish(std::move(stored));
  EXPECT_EQ(run(devices().all()).size(), 1U);
  EXPECT_EQ(database.stats().queue_depth, 0U);
}

TEST_F(DatabaseTest, RefusesWorkBeyondTheLimitOfItsQueue) {
  open({.readers = 1, .queue_limit = 2});
  Gate gate;
  auto held = hold_writer(gate);
  auto inserted = insert_devices(3);
  EXPECT_EQ(error_of([&] { finish(std::move(inserted[2])); }).reason(), "STORAGE_BUSY");
  gate.open();
  finish(std::move(held));
  finish(std::move(inserted[0]));
  finish(std::move(inserted[1]));
  EXPECT_EQ(run(devices().all()).size(), 2U);
}

TEST_F(DatabaseTest, ClosingDoesTheWorkThatWaits) {
  open();
  Gate gate;
  auto held = hold_writer(gate);
  auto inserted = insert_devices(50);
  gate.open();
  close();
  finish(std::move(held));
  for (auto& one : inserted) {
    finish(std::move(one));
  }
  open();
  EXPECT_EQ(run(devices().all()).size(), 50U);
}

TEST_F(DatabaseTest, RefusesASecondControllerUntilTheFirstIsGone) {
  open();
  const auto error = error_of([&] { Database{path(), clock_}; });
  EXPECT_EQ(error.reason(), "DATABASE_IN_USE");
  EXPECT_EQ(error.code(), Code::conflict);
  close();
  EXPECT_NO_THROW(open());
}

TEST_F(DatabaseTest, NamesAFileThatIsNotADatabase) {
  std::ofstream{path()} << std::string(4096, 'x');
  const auto error = error_of([&] { open(); });
  EXPECT_EQ(error.reason(), "NOT_A_DATABASE");
  EXPECT_NE(error.message().find(path().string()), std::string::npos);
  EXPECT_FALSE(error.hint().empty());
}

TEST_F(DatabaseTest, LeavesTheDatabaseOfAnotherProgramAlone) {
  Connection{path(), Connection::Mode::write}.run("CREATE TABLE songs (title TEXT)");
  EXPECT_EQ(error_of([&] { open(); }).reason(), "NOT_OUR_DATABASE");
}

TEST_F(DatabaseTest, SaysThatTheFolderIsMissing) {
  std::filesystem::remove_all(folder_);
  EXPECT_NE(error_of([&] { open(); }).message().find(folder_.string()), std::string::npos);
}

TEST_F(DatabaseTest, ANewFileIsReadableByItsOwnerAlone) {
  open();
  run(devices().insert(device(1)));
  for (const char* ending : {"", "-wal", "-shm"}) {
    struct ::stat status {};
    ASSERT_EQ(::stat((path().string() + ending).c_str(), &status), 0) << ending;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << ending;
  }
}

}  // namespace
}  // namespace portoser::storage
