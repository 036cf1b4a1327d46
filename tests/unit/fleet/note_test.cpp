#include "controller/storage/connection.h"
#include "tests/unit/fleet/fleet_fixture.h"

namespace portoser::fleet {
namespace {

storage::EventRecord note() {
  storage::EventRecord record;
  record.scope = "service";
  record.event_type = "deployment";
  record.service = "notes";
  record.machine = "brick";
  return record;
}

TEST_F(FleetTest, ANoteIsShownWithItsId) {
  const auto id = run(fleet_->add_note(note()));
  ASSERT_EQ(told_.events.size(), 1U);
  EXPECT_EQ(told_.events[0].id, id);
}

/// Nobody tells it again.
TEST_F(FleetTest, ANoteThatIsNotStoredIsNotShown) {
  run(database_->write(
      [](storage::Connection& connection) { connection.run("DROP TABLE events"); }));
  EXPECT_THROW(run(fleet_->add_note(note())), Error);
  EXPECT_TRUE(told_.events.empty());
}

}  // namespace
}  // namespace portoser::fleet
