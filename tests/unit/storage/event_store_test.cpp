#include "tests/unit/storage/storage_test.h"

#include <vector>

namespace portoser::storage {
namespace {

class EventStoreTest : public StorageTest {
 protected:
  EventStoreTest() { open(); }

  std::vector<std::int64_t> ids(const EventFilter& filter) {
    std::vector<std::int64_t> result;
    for (const auto& one : run(events_.list(filter))) {
      result.push_back(one.id);
    }
    return result;
  }
  /// How SQLite would answer: the indexes and sorts it would use.
  std::string plan(const std::string& sql) {
    return run(database_->read([sql](Connection& connection) {
      std::string text;
      auto rows = connection.query("EXPLAIN QUERY PLAN " + sql);
      while (rows.next()) {
        std::int64_t ignored = 0;
        std::string step;
        rows.read(ignored, ignored, ignored, step);
        text += step + "\n";
      }
      return text;
    }));
  }

  EventStore events_{*database_};
  DeviceStore devices_{*database_};
};

TEST_F(EventStoreTest, KeepsEveryField) {
  auto record = event(5);
  record.time_estimated = true;
  record.scope = "container";
  record.details = "exit code 1";
  record.metadata = "{\"exit_code\":1}";
  const auto id = run(events_.append({record}))[0];
  EXPECT_EQ(run(events_.last_id()), id);
  const auto back = run(events_.list({})).at(0);
  EXPECT_EQ(back.id, id);
  EXPECT_EQ(back.device_id, record.device_id);
  EXPECT_EQ(back.spool_epoch, record.spool_epoch);
  EXPECT_EQ(back.sequence, 5);
  EXPECT_EQ(back.time, record.time);
  EXPECT_TRUE(back.time_estimated);
  EXPECT_EQ(back.scope, "container");
  EXPECT_EQ(back.event_type, "failure");
  EXPECT_EQ(back.service, "web");
  EXPECT_EQ(back.machine, "host-1");
  EXPECT_EQ(back.details, record.details);
  EXPECT_EQ(back.metadata, record.metadata);
}

TEST_F(EventStoreTest, AnEventThatIsSentTwiceIsStoredOnce) {
  const auto first = run(events_.append({event(1), event(2)}));
  const auto second = run(events_.append({event(2), event(3)}));
  EXPECT_GT(first[1], first[0]);
  EXPECT_EQ(second[0], 0);
  EXPECT_GT(second[1], first[1]);
  EXPECT_EQ(run(events_.list({})).size(), 3U);
}

TEST_F(EventStoreTest, TheSameSequenceOfAnotherEpochOrDeviceIsAnotherEvent) {
  auto other_epoch = event(1);
  other_epoch.spool_epoch = "epoch-b";
  auto other_device = event(1);
  other_device.device_id = device(2).id;
  for (const auto id : run(events_.append({event(1), other_epoch, other_device}))) {
    EXPECT_GT(id, 0);
  }
}

TEST_F(EventStoreTest, AnEventThatIsMadeAgainIsStoredOnceAndAcknowledged) {
  run(devices_.insert(device(1)));
  auto told = event(1);
  told.origin = "failure:web:a1:1000";
  auto again = event(2);
  again.origin = told.origin;
  auto of_another = event(1);
  of_another.device_id = device(2).id;
  of_another.origin = told.origin;
  EXPECT_GT(run(events_.append({told}))[0], 0);
  EXPECT_EQ(run(events_.append({again}))[0], 0);
  EXPECT_EQ(run(devices_.all()).at(0).acked_sequence, 2);
  EXPECT_GT(run(events_.append({of_another}))[0], 0);
}

TEST_F(EventStoreTest, TheControllersOwnEventsAreAllStored) {
  auto own = event(0);
  own.device_id.clear();
  for (const auto id : run(events_.append({own, own}))) {
    EXPECT_GT(id, 0);
  }
}

TEST_F(EventStoreTest, MovesTheAcknowledgedSequenceOfTheDevice) {
  run(devices_.insert(device(1)));
  run(events_.append({event(1), event(2), event(3)}));
  run(events_.append({event(2)}));  // a repeat does not move it back
  auto stored = run(devices_.all()).at(0);
  EXPECT_EQ(stored.spool_epoch, "epoch-a");
  EXPECT_EQ(stored.acked_sequence, 3);
  auto after_loss = event(1);
  after_loss.spool_epoch = "epoch-b";
  run(events_.append({after_loss}));
  stored = run(devices_.all()).at(0);
  EXPECT_EQ(stored.spool_epoch, "epoch-b");
  EXPECT_EQ(stored.acked_sequence, 1);
}

TEST_F(EventStoreTest, OneBadEventStoresNothingAndAcknowledgesNothing) {
  run(devices_.insert(device(1)));
  auto bad = event(2);
  bad.scope = "galaxy";
  EXPECT_THROW(run(events_.append({event(1), bad})), Error);
  EXPECT_EQ(run(events_.last_id()), 0);
  EXPECT_EQ(run(devices_.all()).at(0).acked_sequence, 0);
}

TEST_F(EventStoreTest, ListsWhatIsAskedFor) {
  auto of_db = event(2);
  of_db.service = "db";
  auto elsewhere = event(3);
  elsewhere.machine = "host-2";
  elsewhere.event_type = "start";
  auto of_host = event(4);
  of_host.scope = "host";
  const auto id = run(events_.append({event(1), of_db, elsewhere, of_host, event(5)}));

  EventFilter web;
  web.service = "web";
  EXPECT_EQ(ids(web), (std::vector{id[4], id[3], id[2], id[0]}));
  web.machine = "host-1";
  web.scope = "service";
  web.newest_first = false;
  EXPECT_EQ(ids(web), (std::vector{id[0], id[4]}));
  EventFilter of_two;
  of_two.services = {"db", "nobody's"};
  EXPECT_EQ(ids(of_two), (std::vector{id[1]}));
  EventFilter started;
  started.event_type = "start";
  EXPECT_EQ(ids(started), (std::vector{id[2]}));
  EventFilter between;
  between.since_id = id[0];
  between.before_id = id[4];
  between.limit = 2;
  EXPECT_EQ(ids(between), (std::vector{id[3], id[2]}));
  EventFilter at_the_time;
  at_the_time.since = of_db.time;
  at_the_time.before = of_host.time;
  EXPECT_EQ(ids(at_the_time), (std::vector{id[2], id[1]}));
}

TEST_F(EventStoreTest, AServicesEventsAreFoundByIndexAndNeverSorted) {
  const auto newest = plan("SELECT * FROM events WHERE service = ? ORDER BY id DESC LIMIT ?");
  EXPECT_NE(newest.find("USING INDEX events_by_service "), std::string::npos) << newest;
  EXPECT_EQ(newest.find("TEMP B-TREE"), std::string::npos) << newest;
  const auto span =
      plan("SELECT * FROM events WHERE service = ? AND time >= ? ORDER BY id LIMIT ?");
  EXPECT_NE(span.find("USING INDEX events_by_service_time "), std::string::npos) << span;
}

TEST_F(EventStoreTest, ManyEventsOfOneServiceComeInPages) {
  std::vector<EventRecord> many;
  for (std::int64_t sequence = 1; sequence <= 20'000; ++sequence) {
    many.push_back(event(sequence));
  }
  const auto stored = run(events_.append(std::move(many)));
  EventFilter page;
  page.service = "web";
  page.before_id = stored[10'000];
  page.limit = 3;
  EXPECT_EQ(ids(page), (std::vector{stored[9999], stored[9998], stored[9997]}));
}

}  // namespace
}  // namespace portoser::storage
