#include "protocol/curve.h"

#include "common/error.h"

#include <gtest/gtest.h>

namespace portoser::protocol {
namespace {

TEST(Curve, PublicKeyBelongsToItsSecret) {
  const auto keys = make_key_pair();
  EXPECT_TRUE(is_key(keys.public_key));
  EXPECT_TRUE(is_key(keys.secret_key));
  EXPECT_EQ(public_key_of(keys.secret_key), keys.public_key);
}

TEST(Curve, TextThatIsNoKeyIsRefused) {
  EXPECT_FALSE(is_key(""));
  EXPECT_FALSE(is_key(std::string(39, 'a')));
  EXPECT_FALSE(is_key(std::string(39, 'a') + " "));
  EXPECT_THROW(public_key_of("short"), Error);
}

}  // namespace
}  // namespace portoser::protocol
