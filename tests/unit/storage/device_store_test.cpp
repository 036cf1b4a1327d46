#include "tests/unit/storage/storage_test.h"

namespace portoser::storage {
namespace {

class DeviceStoreTest : public StorageTest {
 protected:
  DeviceStoreTest() { open(); }

  std::string reason_of(asio::awaitable<void> work) {
    return error_of([&] { run(std::move(work)); }).reason();
  }
  DeviceRecord stored(std::size_t index = 0) { return run(devices_.all()).at(index); }

  DeviceStore devices_{*database_};
};

TEST_F(DeviceStoreTest, KeepsEveryField) {
  auto record = device(1);
  record.state = "pending";
  record.last_seen_at = from_unix_us(1'700'000'000'123'456);
  record.facts =
      "{\"os\":\"D\xc3\xa9"
      "bian\"}";
  record.declared = "{\"labels\":{\"site\":\"lab\"}}";
  record.spool_epoch = "epoch";
  record.acked_sequence = std::int64_t{1} << 40U;
  run(devices_.insert(record));
  const auto back = stored();
  EXPECT_EQ(back.id, record.id);
  EXPECT_EQ(back.name, record.name);
  EXPECT_EQ(back.public_key, record.public_key);
  EXPECT_EQ(back.state, record.state);
  EXPECT_EQ(back.registered_at, record.registered_at);
  EXPECT_EQ(back.last_seen_at, record.last_seen_at);
  EXPECT_EQ(back.facts, record.facts);
  EXPECT_EQ(back.declared, record.declared);
  EXPECT_EQ(back.agent_version, record.agent_version);
  EXPECT_EQ(back.spool_epoch, record.spool_epoch);
  EXPECT_EQ(back.acked_sequence, record.acked_sequence);
}

TEST_F(DeviceStoreTest, ANameIsTakenUntilItsDeviceIsRemoved) {
  run(devices_.insert(device(1)));
  auto second = device(2);
  second.name = device(1).name;
  const auto error = error_of([&] { run(devices_.insert(second)); });
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_EQ(error.reason(), "NAME_TAKEN");
  run(devices_.set_state(device(1).id, "removed"));
  run(devices_.insert(second));
  EXPECT_EQ(run(devices_.all()).size(), 2U);
  EXPECT_EQ(reason_of(devices_.set_state(device(1).id, "approved")), "NAME_TAKEN");
}

TEST_F(DeviceStoreTest, AKeyIsTakenEvenByARemovedDevice) {
  run(devices_.insert(device(1)));
  auto second = device(2);
  second.public_key = device(1).public_key;
  EXPECT_EQ(reason_of(devices_.insert(second)), "KEY_TAKEN");
  run(devices_.set_state(device(1).id, "removed"));
  EXPECT_EQ(reason_of(devices_.insert(second)), "KEY_TAKEN");
  run(devices_.remove(device(1).id));
  run(devices_.insert(second));
  EXPECT_EQ(stored().id, second.id);
}

TEST_F(DeviceStoreTest, ReplacesAKeyThatIsFree) {
  run(devices_.insert(device(1)));
  run(devices_.insert(device(2)));
  EXPECT_EQ(reason_of(devices_.replace_key(device(1).id, device(2).public_key)), "KEY_TAKEN");
  run(devices_.replace_key(device(1).id, device(3).public_key));
  EXPECT_EQ(stored().public_key, device(3).public_key);
}

TEST_F(DeviceStoreTest, ChangesFactsAndTouchesManyAtOnce) {
  run(devices_.insert(device(1)));
  run(devices_.insert(device(2)));
  run(devices_.update_facts(device(2).id, "{\"cores\":8}", "0.2.0"));
  const Time seen = from_unix_us(42);
  run(devices_.touch({{device(1).id, seen}, {"nobody", seen}, {device(2).id, seen}}));
  EXPECT_EQ(stored(0).facts, "{}");
  EXPECT_EQ(stored(0).last_seen_at, seen);
  EXPECT_EQ(stored(1).facts, "{\"cores\":8}");
  EXPECT_EQ(stored(1).agent_version, "0.2.0");
  EXPECT_EQ(stored(1).last_seen_at, seen);
}

TEST_F(DeviceStoreTest, SaysThatADeviceIsNotThere) {
  EXPECT_EQ(reason_of(devices_.update_facts("nobody", "{}", "1")), "DEVICE_UNKNOWN");
  EXPECT_EQ(reason_of(devices_.set_state("nobody", "approved")), "DEVICE_UNKNOWN");
  EXPECT_EQ(reason_of(devices_.replace_key("nobody", device(1).public_key)), "DEVICE_UNKNOWN");
  EXPECT_EQ(reason_of(devices_.remove("nobody")), "DEVICE_UNKNOWN");
}

TEST_F(DeviceStoreTest, RefusesAStateThatDoesNotExist) {
  run(devices_.insert(device(1)));
  EXPECT_THROW(run(devices_.set_state(device(1).id, "asleep")), Error);
  EXPECT_EQ(stored().state, "approved");
}

}  // namespace
}  // namespace portoser::storage
