#include "controller/storage/job_store.h"
#include "controller/storage/schema.h"
#include "tests/unit/storage/storage_test.h"

#include <array>
#include <fstream>

namespace portoser::storage {
namespace {

class MigrationTest : public StorageTest {
 protected:
  /// A database as the first version of the program left it, with a device in it.
  void make_first_version() {
    Connection connection{path(), Connection::Mode::write};
    migrate(connection, embedded_migrations().first(1), clock_);
    connection.run(
        "INSERT INTO devices (id, name, public_key, state, registered_at, facts, agent_version, "
        "spool_epoch, acked_sequence) VALUES ('01HZZZZZZZZZZZZZZZZZZZZZZZ', 'nuc-1', "
        "'0123456789012345678901234567890123456789', 'approved', 5, '{\"cores\":4}', '0.0.9', 'e', "
        "7)");
  }

  int version() {
    Connection connection{path(), Connection::Mode::write};
    return schema_version(connection, embedded_migrations());
  }
};

TEST_F(MigrationTest, BringsTheFirstVersionForwardWithItsRows) {
  make_first_version();
  open();
  DeviceStore devices{*database_};
  const auto all = run(devices.all());
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "nuc-1");
  EXPECT_EQ(all[0].facts, "{\"cores\":4}");
  EXPECT_EQ(all[0].declared, "{}");
  EXPECT_EQ(all[0].acked_sequence, 7);
  EXPECT_EQ(all[0].public_key, "0123456789012345678901234567890123456789");
  EXPECT_EQ(all[0].state, "approved");
  EXPECT_EQ(all[0].mode, "normal");
  EXPECT_EQ(all[0].approved_at, all[0].registered_at);
  auto happened = event(8);
  happened.device_id = all[0].id;
  happened.spool_epoch = "e";
  EventStore events{*database_};
  run(events.append({happened}));
  EXPECT_EQ(run(devices.all())[0].acked_sequence, 8);
  close();
  EXPECT_EQ(version(), static_cast<int>(embedded_migrations().size()));
}

TEST_F(MigrationTest, TheLogOfAJobUnderWayGoesOnBehindWhatItHas) {
  {
    Connection connection{path(), Connection::Mode::write};
    migrate(connection, embedded_migrations().first(4), clock_);
    connection.run(
        "INSERT INTO jobs (id, kind, service, host, state, step, created_by, created_at, "
        "error_code, error_reason, error_message, error_hint, command_id, request, fingerprint, "
        "last_output) VALUES ('j', 'restart', 'web', 'h', 'running', 'up', 'ada', 1, '', '', '', "
        "'', '', '{}', 'f', '')");
    connection.run(
        "INSERT INTO job_log (job_id, number, time, step, text) VALUES ('j', 0, 1, 'up', 'a'), "
        "('j', 1, 1, 'controller', 'b'), ('j', 2, 1, 'up', 'c')");
  }
  open();
  JobStore jobs{*database_};
  const auto job = run(jobs.unfinished()).at(0);
  EXPECT_EQ(job.next_line, 3);
  EXPECT_EQ(job.output_lines, 2) << "the controller's own lines are not the agent's";
  EXPECT_TRUE(job.steps.empty());
}

TEST_F(MigrationTest, RemembersNumberNameChecksumAndTime) {
  make_first_version();
  Connection connection{path(), Connection::Mode::read};
  auto row =
      connection.query("SELECT number, name, length(checksum), applied_at FROM schema_history");
  ASSERT_TRUE(row.next());
  std::int64_t number = 0;
  std::int64_t checksum_length = 0;
  std::string name;
  Time applied;
  row.read(number, name, checksum_length, applied);
  EXPECT_EQ(number, 1);
  EXPECT_EQ(name, "0001_devices");
  EXPECT_EQ(checksum_length, 64);
  EXPECT_EQ(applied, clock_.now());
}

TEST_F(MigrationTest, RefusesADatabaseThatIsNewerAndNamesBothVersions) {
  open();
  close();
  Connection{path(), Connection::Mode::write}.run(
      "INSERT INTO schema_history (number, name, checksum, applied_at) VALUES (97, '0097_x', 'c', "
      "1)");
  const auto error = error_of([&] { open(); });
  EXPECT_EQ(error.reason(), "DATABASE_NEWER");
  EXPECT_NE(error.message().find("version 97"), std::string::npos) << error.message();
  const auto ours = "up to " + std::to_string(embedded_migrations().size());
  EXPECT_NE(error.message().find(ours), std::string::npos) << error.message();
}

TEST_F(MigrationTest, RefusesAMigrationThatWasChangedAfterItWasApplied) {
  make_first_version();
  Connection{path(), Connection::Mode::write}.run("UPDATE schema_history SET checksum = 'other'");
  const auto error = error_of([&] { open(); });
  EXPECT_EQ(error.reason(), "DATABASE_DIFFERS");
  EXPECT_NE(error.message().find("0001_devices"), std::string::npos) << error.message();
}

TEST_F(MigrationTest, AMigrationThatFailsLeavesNothingOfItself) {
  Connection connection{path(), Connection::Mode::write};
  const std::array<Migration, 2> migrations{
      Migration{1, "0001_good", "a", "CREATE TABLE good (x INTEGER)"},
      Migration{
          2, "0002_bad", "b", "CREATE TABLE half (x INTEGER); INSERT INTO missing VALUES (1)"}};
  EXPECT_ANY_THROW(migrate(connection, migrations, clock_));
  EXPECT_EQ(schema_version(connection, migrations), 1);
  EXPECT_FALSE(connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'half'").next());
}

TEST_F(MigrationTest, TheEmbeddedTextIsThatOfTheFiles) {
  ASSERT_GE(embedded_migrations().size(), 4U);
  EXPECT_NE(embedded_migrations()[0].sql.find("name of a removed device is free"),
            std::string_view::npos);
  EXPECT_NE(embedded_migrations()[0].sql.find("CREATE TABLE devices ("), std::string_view::npos);
  EXPECT_EQ(embedded_migrations()[3].name, "0004_events");
}

}  // namespace
}  // namespace portoser::storage
