#include "protocol/stream_id.h"

#include <gtest/gtest.h>

#include <string>

namespace portoser::protocol {
namespace {

const std::string base = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

TEST(StreamId, IsAUlidPerhapsWithANumber) {
  for (const auto& id : {base, base + ".0", base + ".17", base + ".999999"}) {
    EXPECT_TRUE(is_stream_id(id)) << id;
  }
  for (const auto& id : {std::string{},
                         base.substr(1),
                         base + ".",
                         base + ".1000000",
                         base + ".1x",
                         base + ".-1",
                         base + "/..",
                         base + "7",
                         std::string{"../../../../etc/passwd"}}) {
    EXPECT_FALSE(is_stream_id(id)) << id;
  }
}

TEST(StreamId, ItsNumbersArePartsOfIt) {
  EXPECT_TRUE(is_part_of_stream(base, base));
  EXPECT_TRUE(is_part_of_stream(base + ".4", base));
  EXPECT_TRUE(is_part_of_stream(base + ".4", base + ".4"));
  EXPECT_FALSE(is_part_of_stream(base + ".42", base + ".4"));
  EXPECT_FALSE(is_part_of_stream(base, base + ".4"));
  EXPECT_FALSE(is_part_of_stream(base, ""));
}

}  // namespace
}  // namespace portoser::protocol
