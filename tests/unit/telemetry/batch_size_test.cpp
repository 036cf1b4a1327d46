#include "controller/telemetry/batch_size.h"

#include <gmock/gmock.h>

#include <set>
#include <vector>

namespace portoser::telemetry {
namespace {

/// A queue of numbered rows and a store that refuses a batch with one of `bad` in it.
struct Played {
  std::size_t rows = 0;
  std::set<std::size_t> bad;
  std::vector<std::size_t> given_up{};
  std::size_t requests = 0;

  void send_all() {
    BatchSize size{500};
    for (std::size_t at = 0; at < rows;) {
      ++requests;
      const auto end = std::min(at + size.rows(), rows);
      if (bad.lower_bound(at) == bad.lower_bound(end)) {
        size.taken(end - at);
        at = end;
      } else if (size.refused(end - at)) {
        given_up.push_back(at);
        at = end;
      }
    }
  }
};

TEST(BatchSize, OnlyWhatIsRefusedAloneIsGivenUp) {
  for (std::size_t at = 0; at < 1000; at += 37) {
    Played played{1000, {at}};
    played.send_all();
    EXPECT_THAT(played.given_up, testing::ElementsAre(at));
    EXPECT_LE(played.requests, 40U) << at;
  }
}

TEST(BatchSize, ARunOfBadOnesTakesARequestEach) {
  Played played{1000, {}};
  for (std::size_t at = 300; at < 700; ++at) played.bad.insert(at);
  played.send_all();
  EXPECT_THAT(played.given_up, testing::ElementsAreArray(played.bad));
  EXPECT_LE(played.requests, 440U);
}

TEST(BatchSize, ErrorsOfTheStoreAreCountedForTheSameRowsAndInARow) {
  BatchSize size{500};
  EXPECT_FALSE(size.is_suspect(7, 20));
  EXPECT_FALSE(size.is_suspect(7, 21));
  EXPECT_FALSE(size.is_suspect(8, 20));
  EXPECT_FALSE(size.is_suspect(8, 20));
  size.unanswered();
  EXPECT_FALSE(size.is_suspect(8, 20));
  EXPECT_FALSE(size.is_suspect(8, 20));
  EXPECT_TRUE(size.is_suspect(8, 20));
  EXPECT_FALSE(size.refused(20));
  EXPECT_TRUE(size.is_suspect(8, 10)) << "it is narrowed down";
  EXPECT_FALSE(size.refused(2));
  EXPECT_FALSE(size.is_suspect(8, 1)) << "to drop one takes three";
  EXPECT_FALSE(size.is_suspect(8, 1));
  EXPECT_TRUE(size.is_suspect(8, 1));
  EXPECT_TRUE(size.refused(1));
  EXPECT_TRUE(size.is_suspect(9, 1)) << "the next of a run";
}

}  // namespace
}  // namespace portoser::telemetry
