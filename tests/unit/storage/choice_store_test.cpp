#include "controller/storage/choice_store.h"

#include "common/error.h"
#include "tests/unit/storage/storage_test.h"

namespace portoser::storage {
namespace {

class ChoiceStoreTest : public StorageTest {
 protected:
  ChoiceStoreTest() { open(); }
  ChoiceStore store_{*database_};
};

TEST_F(ChoiceStoreTest, AChangeSeesWhatWasThereAndGivesWhatIsThereNow) {
  EXPECT_EQ(run(store_.find("a")), std::nullopt);
  const auto append = [](const std::optional<std::string>& before) {
    return before.value_or("") + "x";
  };
  EXPECT_EQ(run(store_.change("a", append)), "x");
  // Two at once: neither is lost.
  auto one = start(store_.change("a", append));
  auto other = start(store_.change("a", append));
  finish(std::move(one));
  finish(std::move(other));
  EXPECT_EQ(run(store_.find("a")), "xxx");
  run(store_.keep("a", "y"));
  EXPECT_EQ(run(store_.find("a")), "y");
}

TEST_F(ChoiceStoreTest, AChangeThatThrowsChangesNothing) {
  run(store_.keep("a", "y"));
  const auto refuse = [](const std::optional<std::string>& /*before*/) -> std::string {
    throw Error{Code::invalid, "changed my mind"};
  };
  EXPECT_THROW(run(store_.change("a", refuse)), Error);
  EXPECT_EQ(run(store_.find("a")), "y");
}

}  // namespace
}  // namespace portoser::storage
