#include "controller/fleet/admission.h"

#include "protocol/curve.h"

#include <gtest/gtest.h>

#include <zmq.h>

namespace portoser::fleet {
namespace {

std::vector<std::string> request(const std::string& key) {
  std::string raw(32, '\0');
  ::zmq_z85_decode(reinterpret_cast<std::uint8_t*>(raw.data()), key.c_str());
  return {"1.0", "7", "portoser", "127.0.0.1", "", "CURVE", raw};
}

TEST(Admission, LetsInTheKeysItKnowsAndNamesThem) {
  const auto key = protocol::make_key_pair().public_key;
  Admission admission;
  admission.allow(std::make_shared<const KeySet>(KeySet{key}));
  const auto reply = admission.answer(request(key));
  ASSERT_EQ(reply.size(), 6U);
  EXPECT_EQ(reply[1], "7");
  EXPECT_EQ(reply[2], "200");
  EXPECT_EQ(reply[4], key);
}

TEST(Admission, RefusesEveryOtherKey) {
  Admission admission;
  EXPECT_EQ(admission.answer(request(protocol::make_key_pair().public_key))[2], "400");
  EXPECT_EQ(admission.refused(), 1U);
}

TEST(Admission, RefusesAnotherMechanism) {
  Admission admission;
  EXPECT_EQ(admission.answer({"1.0", "7", "portoser", "127.0.0.1", "", "NULL"})[2], "400");
}

TEST(Admission, DoesNotAnswerWhatIsNoRequest) {
  Admission admission;
  EXPECT_TRUE(admission.answer({"2.0", "7"}).empty());
  EXPECT_TRUE(admission.answer({}).empty());
}

}  // namespace
}  // namespace portoser::fleet
