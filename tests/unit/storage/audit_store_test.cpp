#include "controller/storage/audit_store.h"

#include "tests/unit/storage/storage_test.h"

#include <gmock/gmock.h>

namespace portoser::storage {
namespace {

using testing::ElementsAre;

class AuditStoreTest : public StorageTest {
 protected:
  AuditStoreTest() { open(); }

  void append(int number, const std::string& user = "ada") {
    AuditRecord record;
    record.time = from_unix_us(number);
    record.user_name = user;
    record.method = number % 2 == 0 ? "POST" : "DELETE";
    record.path = "/api/" + std::to_string(number);
    record.status = 200;
    run(audit_.append(record));
  }
  std::vector<std::string> paths(AuditFilter filter) {
    std::vector<std::string> all;
    for (const auto& one : run(audit_.list(std::move(filter)))) all.push_back(one.path);
    return all;
  }

  AuditStore audit_{*database_};
};

TEST_F(AuditStoreTest, KeepsEveryField) {
  const AuditRecord record{
      0, from_unix_us(7), "sub", "Ada", "PUT", "/api/x", 409, "BUSY", "192.0.2.1", "request", 1500};
  run(audit_.append(record));
  const auto found = run(audit_.list({})).at(0);
  EXPECT_GT(found.id, 0);
  EXPECT_EQ(found.time, record.time);
  EXPECT_EQ(found.user, "sub");
  EXPECT_EQ(found.user_name, "Ada");
  EXPECT_EQ(found.method, "PUT");
  EXPECT_EQ(found.path, "/api/x");
  EXPECT_EQ(found.status, 409);
  EXPECT_EQ(found.reason, "BUSY");
  EXPECT_EQ(found.remote, "192.0.2.1");
  EXPECT_EQ(found.request_id, "request");
  EXPECT_EQ(found.duration_us, 1500);
}

TEST_F(AuditStoreTest, PagesGoOnBehindTheLastAndFiltersSelect) {
  for (int i = 1; i <= 5; ++i) append(i, i == 3 ? "bob" : "ada");
  AuditFilter filter;
  filter.limit = 2;
  const auto page = run(audit_.list(filter));
  EXPECT_EQ(page[0].path, "/api/5");
  filter.before_id = page[1].id;
  EXPECT_THAT(paths(filter), ElementsAre("/api/3", "/api/2"));
  filter = {};
  filter.user_name = "bob";
  EXPECT_THAT(paths(filter), ElementsAre("/api/3"));
  filter = {};
  filter.method = "POST";
  EXPECT_THAT(paths(filter), ElementsAre("/api/4", "/api/2"));
  filter = {};
  filter.from = from_unix_us(2);
  filter.until = from_unix_us(4);
  EXPECT_THAT(paths(filter), ElementsAre("/api/3", "/api/2"));
}

TEST_F(AuditStoreTest, OldRowsAreDeleted) {
  for (int i = 1; i <= 5; ++i) append(i);
  EXPECT_EQ(run(audit_.delete_before(from_unix_us(4))), 3);
  EXPECT_THAT(paths({}), ElementsAre("/api/5", "/api/4"));
}

}  // namespace
}  // namespace portoser::storage
