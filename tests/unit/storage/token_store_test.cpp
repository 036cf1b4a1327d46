#include "controller/storage/token_store.h"

#include "controller/storage/schema.h"
#include "tests/unit/storage/storage_test.h"

namespace portoser::storage {
namespace {

TokenRecord token(const std::string& id = "token-1") {
  TokenRecord record;
  record.id = id;
  record.secret_hash = std::string(64, 'a');
  record.prefix = "abc123";
  record.created_at = from_unix_us(100);
  record.created_by = "ada";
  return record;
}

class TokenStoreTest : public StorageTest {
 protected:
  TokenStoreTest() { open(); }

  Registration join(const DeviceRecord& record, const std::string& id = "token-1") {
    return run(tokens_.register_device(id, clock_.now(), record));
  }
  Error refusal(const DeviceRecord& record, const std::string& id = "token-1") {
    return error_of([&] { join(record, id); });
  }
  std::int64_t uses() { return run(tokens_.find("token-1")).value().uses; }
  std::size_t devices() { return run(devices_.all()).size(); }

  TokenStore tokens_{*database_};
  DeviceStore devices_{*database_};
};

TEST_F(TokenStoreTest, KeepsEveryField) {
  auto record = token();
  record.description = "rack 2";
  record.host = "nuc-1";
  record.allow_key_change = true;
  record.allow_new_host = true;
  record.max_uses = 7;
  record.uses = 3;
  record.expires_at = from_unix_us(900);
  record.revoked_at = from_unix_us(800);
  record.last_used_at = from_unix_us(700);
  run(tokens_.insert(record));
  const auto back = run(tokens_.find("token-1")).value();
  EXPECT_EQ(back.secret_hash, record.secret_hash);
  EXPECT_EQ(back.prefix, record.prefix);
  EXPECT_EQ(back.description, record.description);
  EXPECT_EQ(back.host, record.host);
  EXPECT_TRUE(back.allow_key_change);
  EXPECT_TRUE(back.allow_new_host);
  EXPECT_EQ(back.max_uses, 7);
  EXPECT_EQ(back.uses, 3);
  EXPECT_EQ(back.expires_at, record.expires_at);
  EXPECT_EQ(back.created_at, record.created_at);
  EXPECT_EQ(back.created_by, record.created_by);
  EXPECT_EQ(back.revoked_at, record.revoked_at);
  EXPECT_EQ(back.last_used_at, record.last_used_at);
  EXPECT_EQ(error_of([&] { run(tokens_.insert(record)); }).code(), Code::conflict);
}

TEST_F(TokenStoreTest, JoinsADeviceAndTakesAUse) {
  run(tokens_.insert(token()));
  EXPECT_EQ(join(device(1)).joined, Joined::created);
  EXPECT_EQ(devices(), 1U);
  EXPECT_EQ(uses(), 1);
  EXPECT_EQ(run(tokens_.find("token-1"))->last_used_at, clock_.now());
}

TEST_F(TokenStoreTest, WhomNobodyLetInGivesWayToAHostWithAToken) {
  auto record = token();
  record.max_uses = 9;
  run(tokens_.insert(record));
  auto claim = device(1);
  claim.state = "pending";
  claim.claim = "fingerprint";
  claim.public_key.clear();
  run(devices_.claim(claim, 9));
  auto real = device(2);
  real.name = claim.name;
  EXPECT_EQ(join(real).joined, Joined::created);
  EXPECT_EQ(devices(), 1U) << "the claim is forgotten";

  run(devices_.set_state(real.id, "rejected"));
  EXPECT_EQ(refusal(real).reason(), "DEVICE_REJECTED");
  auto other = device(3);
  other.name = claim.name;
  EXPECT_EQ(join(other).joined, Joined::created);
  EXPECT_EQ(refusal(real).reason(), "NAME_TAKEN");
  run(devices_.set_state(other.id, "removed"));
  EXPECT_EQ(refusal(real).reason(), "KEY_TAKEN") << "its key stays refused";
  EXPECT_EQ(uses(), 2);

  auto waiting = device(4);
  waiting.state = "pending";
  EXPECT_EQ(join(waiting).joined, Joined::created);
  auto rival = device(5);
  rival.name = waiting.name;
  EXPECT_EQ(refusal(rival).reason(), "NAME_TAKEN") << "it came with a token itself";
}

TEST_F(TokenStoreTest, ARepeatGivesTheSameDeviceAndTakesNoUse) {
  auto record = token();  // good for one
  record.expires_at = clock_.now() + std::chrono::hours{1};
  run(tokens_.insert(record));
  join(device(1));
  clock_.advance(std::chrono::hours{2});
  auto again = device(1);
  again.id = device(9).id;
  const auto answer = join(again);
  EXPECT_EQ(answer.joined, Joined::known);
  EXPECT_EQ(answer.device.id, device(1).id);
  EXPECT_EQ(uses(), 1);
  EXPECT_EQ(devices(), 1U);
  run(tokens_.revoke("token-1", clock_.now()));
  EXPECT_EQ(refusal(again).reason(), "TOKEN_REVOKED");
}

TEST_F(TokenStoreTest, RefusesATokenThatIsNotGood) {
  auto expired = token("expired");
  expired.expires_at = clock_.now();
  auto revoked = token("revoked");
  revoked.revoked_at = from_unix_us(1);
  auto used_up = token("used-up");
  used_up.uses = 1;
  run(tokens_.insert(expired));
  run(tokens_.insert(revoked));
  run(tokens_.insert(used_up));
  EXPECT_EQ(refusal(device(1), "nothing").reason(), "TOKEN_UNKNOWN");
  EXPECT_EQ(refusal(device(1), "expired").reason(), "TOKEN_EXPIRED");
  EXPECT_EQ(refusal(device(1), "revoked").reason(), "TOKEN_REVOKED");
  EXPECT_EQ(refusal(device(1), "used-up").reason(), "TOKEN_USED_UP");
  EXPECT_EQ(refusal(device(1), "used-up").code(), Code::unauthenticated);
  EXPECT_EQ(devices(), 0U);
}

TEST_F(TokenStoreTest, ARefusedJoinTakesNoUse) {
  run(tokens_.insert(token()));
  run(devices_.insert(device(1)));
  auto same_name = device(2);
  same_name.name = device(1).name;
  EXPECT_EQ(refusal(same_name).reason(), "NAME_TAKEN");
  auto same_key = device(2);
  same_key.public_key = device(1).public_key;
  EXPECT_EQ(refusal(same_key).reason(), "KEY_TAKEN");
  EXPECT_EQ(uses(), 0);
  EXPECT_EQ(devices(), 1U);
}

TEST_F(TokenStoreTest, ATokenMayAllowAnotherKeyForAKnownName) {
  auto record = token();
  record.allow_key_change = true;
  run(tokens_.insert(record));
  auto before = device(1);
  before.declared =
      R"({"description":"attic","gpu":false,"labels":{"a":"1","b":"2"},"capabilities":["mlx"]})";
  run(devices_.insert(before));
  auto reinstalled = device(2);
  reinstalled.name = device(1).name;
  reinstalled.facts = "{\"new\":true}";
  reinstalled.declared =
      R"({"gpu":true,"labels":{"b":"3","c":"4"},"capabilities":["docker","mlx"]})";
  const auto answer = join(reinstalled);
  EXPECT_EQ(answer.joined, Joined::key_changed);
  EXPECT_EQ(answer.device.id, device(1).id);
  EXPECT_EQ(answer.device.public_key, device(2).public_key);
  EXPECT_EQ(answer.device.facts, "{\"new\":true}");
  EXPECT_EQ(answer.device.declared,
            R"({"description":"attic","gpu":true,"labels":{"a":"1","b":"3","c":"4"},)"
            R"("capabilities":["mlx","docker"]})");
  EXPECT_EQ(uses(), 1);
}

TEST_F(TokenStoreTest, ATokenForOneHostAdmitsNoOther) {
  auto record = token();
  record.host = "host-1";
  run(tokens_.insert(record));
  EXPECT_EQ(refusal(device(2)).reason(), "TOKEN_FOR_OTHER_HOST");
  EXPECT_EQ(join(device(1)).joined, Joined::created);
}

TEST_F(TokenStoreTest, OfManyAtOnceNoMoreJoinThanTheTokenAllows) {
  auto record = token();
  record.max_uses = 3;
  run(tokens_.insert(record));
  std::vector<std::future<Registration>> answers;
  for (int number = 1; number <= 10; ++number) {
    answers.push_back(start(tokens_.register_device("token-1", clock_.now(), device(number))));
  }
  int refused = 0;
  for (auto& answer : answers) {
    try {
      finish(std::move(answer));
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "TOKEN_USED_UP");
      ++refused;
    }
  }
  EXPECT_EQ(refused, 7);
  EXPECT_EQ(devices(), 3U);
  EXPECT_EQ(uses(), 3);
}

TEST_F(TokenStoreTest, RevokingTwiceKeepsTheFirstMoment) {
  run(tokens_.insert(token()));
  run(tokens_.revoke("token-1", from_unix_us(5)));
  run(tokens_.revoke("token-1", from_unix_us(6)));
  EXPECT_EQ(run(tokens_.find("token-1"))->revoked_at, from_unix_us(5));
  EXPECT_EQ(error_of([&] { run(tokens_.revoke("nothing", from_unix_us(5))); }).reason(),
            "TOKEN_UNKNOWN");
}

TEST_F(TokenStoreTest, TheCommandLineWorksBesideARunningController) {
  TokenFile file{path(), clock_};
  file.insert(token());
  EXPECT_EQ(join(device(1)).joined, Joined::created);
  EXPECT_EQ(file.list().at(0).uses, 1);
  auto newer = token("token-2");
  newer.created_at = from_unix_us(200);
  run(tokens_.insert(newer));
  EXPECT_EQ(file.list().at(0).id, "token-2");
  file.revoke("token-2", clock_.now());
  EXPECT_EQ(refusal(device(2), "token-2").reason(), "TOKEN_REVOKED");
  EXPECT_EQ(error_of([&] { file.insert(token()); }).code(), Code::conflict);
  EXPECT_EQ(error_of([&] { file.revoke("nothing", clock_.now()); }).reason(), "TOKEN_UNKNOWN");
}

using TokenFileTest = StorageTest;

TEST_F(TokenFileTest, MakesTheDatabaseBeforeTheFirstStartOfAController) {
  TokenFile{path(), clock_}.insert(token());
  open();
  EXPECT_EQ(run(TokenStore{*database_}.list()).size(), 1U);
}

TEST_F(TokenFileTest, LeavesAnOlderDatabaseToTheController) {
  {
    Connection connection{path(), Connection::Mode::write};
    migrate(connection, embedded_migrations().first(2), clock_);
  }
  EXPECT_EQ(error_of([&] { TokenFile(path(), clock_); }).reason(), "DATABASE_OLDER");
}

}  // namespace
}  // namespace portoser::storage
