#include "controller/storage/key_store.h"

#include "tests/unit/storage/storage_test.h"

namespace portoser::storage {
namespace {

class KeyStoreTest : public StorageTest {
 protected:
  KeyStoreTest() { open(); }

  std::optional<std::string> claim(const std::string& request,
                                   const std::string& key = "k",
                                   const std::string& actor = "ada") {
    return run(KeyStore{*database_}.claim({actor, key, request}, now_));
  }
  void note(const std::string& request, const std::string& job) {
    run(KeyStore{*database_}.note_job({"ada", "k", request}, job, now_));
  }

  Time now_ = from_unix_us(1'000'000'000'000);
};

TEST_F(KeyStoreTest, TheSameRequestFindsItsJobAlsoAfterARestart) {
  EXPECT_FALSE(claim("a"));
  EXPECT_FALSE(claim("a")) << "it is still under way";
  note("a", "job-1");
  note("a", "job-2");
  EXPECT_EQ(claim("a"), "job-1");
  close();
  open();
  EXPECT_EQ(claim("a"), "job-1");
}

TEST_F(KeyStoreTest, AnotherRequestIsRefusedFromTheFirstMomentOn) {
  EXPECT_FALSE(claim("a"));
  EXPECT_EQ(error_of([&] { claim("b"); }).reason(), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_FALSE(claim("b", "other"));
  EXPECT_FALSE(claim("b", "k", "bob")) << "keys are each person's own";
}

TEST_F(KeyStoreTest, OneThatWasRefusedLeavesItFreeUnlessAJobBegan) {
  EXPECT_FALSE(claim("a"));
  run(KeyStore{*database_}.release({"ada", "k", "a"}));
  EXPECT_FALSE(claim("b"));
  note("b", "job-1");
  run(KeyStore{*database_}.release({"ada", "k", "b"}));
  EXPECT_EQ(claim("b"), "job-1");
}

TEST_F(KeyStoreTest, ADayLaterItIsFree) {
  EXPECT_FALSE(claim("a"));
  note("a", "job-1");
  now_ += KeyStore::kept;
  EXPECT_EQ(claim("a"), "job-1");
  now_ += std::chrono::seconds{1};
  EXPECT_FALSE(claim("b"));
  EXPECT_EQ(run(KeyStore{*database_}.delete_before(now_)), 0);
  EXPECT_EQ(run(KeyStore{*database_}.delete_before(now_ + std::chrono::seconds{1})), 1);
}

}  // namespace
}  // namespace portoser::storage
