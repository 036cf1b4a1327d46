#include "controller/import_command.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/file.h"
#include "controller/storage/database.h"
#include "controller/storage/deployment_store.h"
#include "tests/support/temp_folder.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace portoser {
namespace {

/// As the old CLI wrote them, with its brace too many.
std::string old_text(int number) {
  return fmt::format(
      R"({{"id":"deploy-{0:04}","timestamp":"2026-03-{1:02}T{2:02}:{3:02}:00Z","service":"notes",)"
      R"("machine":"{4}","action":"deploy","status":"success","duration_ms":1000,)"
      R"("phases":[{{"name":"deploy","status":"completed","duration_ms":9,"metadata":{{}}}}}}],)"
      R"("observations":[],"problems":[],"solutions_applied":[],"config_snapshot":{{}}}})",
      number,
      1 + number / 100,
      number / 60 % 24,
      number % 60,
      number == 0 ? "pebble" : "brick");
}

class ImportCommand : public testing::Test {
 protected:
  int import() {
    return run_import_command(
        {"--data", (folder_ / "data").string(), (folder_ / "deployments").string()});
  }
  storage::DeploymentPage list(const storage::DeploymentFilter& filter) {
    SystemClock clock;
    storage::Database database{folder_ / "data" / "portoser.db", clock};
    storage::DeploymentStore store{database};
    asio::io_context context;
    auto page = asio::co_spawn(context, store.list(filter), asio::use_future);
    context.run();
    return page.get();
  }

  test::TempFolder folder_;
};

TEST_F(ImportCommand, TakesAThousandRecordsOnceAndTheyAreListed) {
  for (int i = 0; i < 1000; ++i) {
    const auto day = i % 20 == 0 ? folder_ / "deployments"
                                 : folder_ / "deployments" / fmt::format("day-{}", i / 100);
    make_folder(day);
    write_file_atomic(day / fmt::format("notes-{}.json", i), old_text(i));
  }
  EXPECT_EQ(import(), 0);
  EXPECT_EQ(import(), 0) << "a second time changes nothing";
  storage::DeploymentFilter filter;
  filter.limit = 20;
  std::set<std::string> seen;
  for (; filter.offset < 1000; filter.offset += 20) {
    const auto page = list(filter);
    EXPECT_EQ(page.total, 1000);
    for (const auto& record : page.records) seen.insert(record.id);
  }
  EXPECT_EQ(seen.size(), 1000U) << "no page shows what another does";
  filter = {};
  filter.machine = "pebble";
  ASSERT_EQ(list(filter).records.size(), 1U);
  EXPECT_EQ(list(filter).records[0].id, "deploy-0000");
}

TEST_F(ImportCommand, SaysWhichFilesAreNoRecords) {
  make_folder(folder_ / "deployments");
  write_file_atomic(folder_ / "deployments" / "broken.json", "{");
  write_file_atomic(folder_ / "deployments" / "good.json", old_text(1));
  EXPECT_EQ(import(), 1);
  EXPECT_EQ(list({}).total, 1);
}

TEST_F(ImportCommand, NeedsAFolder) {
  EXPECT_THROW(run_import_command({}), Error);
  EXPECT_THROW(import(), Error) << "it is not there";
}

}  // namespace
}  // namespace portoser
