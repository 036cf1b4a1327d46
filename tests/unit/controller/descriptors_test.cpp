#include "controller/descriptors.h"

#include <gtest/gtest.h>

namespace portoser {
namespace {

class DescriptorShare : public testing::TestWithParam<std::size_t> {};

TEST_P(DescriptorShare, LeavesRoomForAllWhenTheAgentsHaveTheirs) {
  const auto shares = share_descriptors(GetParam());
  const auto taken = static_cast<std::size_t>(shares.wire_up_to) +
                     static_cast<std::size_t>(shares.wire_backlog) + shares.web + shares.join;
  EXPECT_LE(taken + 100, GetParam());
  EXPECT_GE(static_cast<std::size_t>(shares.wire_up_to), GetParam() / 4);
  EXPECT_GT(shares.web, 0U);
  EXPECT_GT(shares.join, 0U);
  EXPECT_GT(shares.wire_backlog, 0);
}

INSTANTIATE_TEST_SUITE_P(Limits,
                         DescriptorShare,
                         testing::Values(512U, 1024U, 4096U, 20000U, 65536U, 1048576U));

TEST(Descriptors, LimitWithoutEndIsShareable) {
  EXPECT_EQ(share_descriptors(~std::size_t{0}).wire_up_to, share_descriptors(1U << 20U).wire_up_to);
}

TEST(Descriptors, SoftLimitBecomesTheHardOne) {
  EXPECT_EQ(raise_descriptor_limit(), raise_descriptor_limit());
  EXPECT_GE(raise_descriptor_limit(), 256U);
}

}  // namespace
}  // namespace portoser
