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
  record.mode = "maintenance";
  record.credential_hash = "c0ffee";
  record.claim = "fingerprint";
  record.owner = "ada";
  record.approved_at = from_unix_us(8);
  record.approved_by = "eve";
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
  EXPECT_EQ(back.mode, record.mode);
  EXPECT_EQ(back.credential_hash, record.credential_hash);
  EXPECT_EQ(back.claim, record.claim);
  EXPECT_EQ(back.owner, record.owner);
  EXPECT_EQ(back.approved_at, record.approved_at);
  EXPECT_EQ(back.approved_by, record.approved_by);
}

TEST_F(DeviceStoreTest, HostsWithoutAnAgentHaveNoKeyAndDoNotClash) {
  auto first = device(1);
  auto second = device(2);
  first.public_key.clear();
  second.public_key.clear();
  run(devices_.insert(first));
  run(devices_.insert(second));
  EXPECT_EQ(stored(0).public_key, "");
  EXPECT_EQ(stored(1).public_key, "");
}

TEST_F(DeviceStoreTest, AnEditChangesWhatItNamesAlone) {
  auto record = device(1);
  record.owner = "ada";
  run(devices_.insert(record));
  DeviceEdit edit;
  edit.mode = "disabled";
  run(devices_.edit(record.id, edit));
  EXPECT_EQ(stored().mode, "disabled");
  EXPECT_EQ(stored().owner, "ada");
  EXPECT_EQ(stored().declared, "{}");
  edit = {};
  edit.owner = "eve";
  edit.declared = "{\"labels\":{}}";
  run(devices_.edit(record.id, edit));
  EXPECT_EQ(stored().mode, "disabled");
  EXPECT_EQ(stored().owner, "eve");
  EXPECT_EQ(stored().declared, "{\"labels\":{}}");
  EXPECT_EQ(reason_of(devices_.edit("nobody", edit)), "DEVICE_UNKNOWN");
}

TEST_F(DeviceStoreTest, ApprovalIsKeptWithItsTimeAndItsGiver) {
  auto record = device(1);
  record.state = "pending";
  run(devices_.insert(record));
  run(devices_.approve(record.id, from_unix_us(9), "eve"));
  EXPECT_EQ(stored().state, "approved");
  EXPECT_EQ(stored().approved_at, from_unix_us(9));
  EXPECT_EQ(stored().approved_by, "eve");
  run(devices_.set_state(record.id, "removed"));
  EXPECT_EQ(reason_of(devices_.approve(record.id, from_unix_us(9), "eve")), "DEVICE_UNKNOWN");
}

TEST_F(DeviceStoreTest, ClaimsAreKnownAgainAndBounded) {
  const auto claimed = [](int number) {
    auto record = device(number);
    record.public_key.clear();
    record.state = "pending";
    record.claim = "fingerprint " + std::to_string(number);
    return record;
  };
  const auto refusal = [&](const DeviceRecord& record) {
    return error_of([&] { run(devices_.claim(record, 2)); }).reason();
  };
  EXPECT_FALSE(run(devices_.claim(claimed(1), 2)).known);
  auto again = claimed(1);
  again.id = device(9).id;
  const auto known = run(devices_.claim(again, 2));
  EXPECT_TRUE(known.known);
  EXPECT_EQ(known.device.id, device(1).id);
  auto other = claimed(3);
  other.name = device(1).name;
  EXPECT_EQ(refusal(other), "NAME_TAKEN");
  run(devices_.claim(claimed(2), 2));
  EXPECT_EQ(refusal(claimed(3)), "TOO_MANY_PENDING");
  run(devices_.set_state(device(1).id, "rejected"));
  EXPECT_EQ(refusal(claimed(1)), "DEVICE_REJECTED");
  EXPECT_FALSE(run(devices_.claim(claimed(3), 2)).known) << "a rejected one does not wait";
}

TEST_F(DeviceStoreTest, AClaimThatNobodyLookedAtLapses) {
  const auto claimed = [](int number, std::chrono::hours at) {
    auto record = device(number);
    record.public_key.clear();
    record.state = "pending";
    record.claim = "fingerprint " + std::to_string(number);
    record.registered_at = from_unix_us(0) + at;
    return record;
  };
  constexpr auto week = DeviceStore::claims_wait;
  constexpr std::chrono::hours hour{1};
  run(devices_.claim(claimed(1, hour), 2));
  run(devices_.claim(claimed(2, 2 * hour), 2));
  auto with_token = device(3);
  with_token.state = "pending";
  with_token.registered_at = from_unix_us(0);
  run(devices_.insert(with_token));
  EXPECT_EQ(error_of([&] { run(devices_.claim(claimed(4, week + hour), 2)); }).reason(),
            "TOO_MANY_PENDING");
  const auto made = run(devices_.claim(claimed(4, week + 2 * hour), 2));
  EXPECT_FALSE(made.known);
  EXPECT_EQ(made.lapsed, std::vector<std::string>{device(1).id});
  const auto left = run(devices_.all());
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].name, device(2).name);
  EXPECT_EQ(left[1].name, with_token.name) << "it came with a token";
  EXPECT_TRUE(run(devices_.claim(claimed(2, 3 * week), 2)).known) << "it is still there";
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
