#include "controller/fleet/admission.h"

#include "protocol/curve.h"

#include <gtest/gtest.h>

#include <set>
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
  Admission admission{{key}};
  const auto reply = admission.answer(request(key)).frames;
  ASSERT_EQ(reply.size(), 6U);
  EXPECT_EQ(reply[1], "7");
  EXPECT_EQ(reply[2], "200");
  EXPECT_EQ(reply[4], key);
}

TEST(Admission, GivesEachConnectionARoutingIdThatNobodyCanGuess) {
  const auto key = protocol::make_key_pair().public_key;
  Admission admission{{key}};
  std::set<std::string> routes;
  for (int i = 0; i < 100; ++i) {
    const auto property = admission.answer(request(key)).frames.at(5);
    const std::string head = "\x08Identity" + std::string{"\0\0\0\x11", 4};
    ASSERT_EQ(property.substr(0, head.size()), head);
    const auto route = property.substr(head.size());
    EXPECT_TRUE(is_given_route(route));
    routes.insert(route);
  }
  EXPECT_EQ(routes.size(), 100U);
  EXPECT_FALSE(is_given_route("brick"));
  EXPECT_FALSE(is_given_route({"\0\1\2\3\4", 5}));
}

TEST(Admission, RefusesEveryOtherKey) {
  Admission admission;
  const auto key = protocol::make_key_pair().public_key;
  const auto answer = admission.answer(request(key));
  EXPECT_EQ(answer.frames.at(2), "400");
  EXPECT_EQ(answer.refused, "127.0.0.1 with the key " + key);
  EXPECT_EQ(admission.refused(), 1U);
}

TEST(Admission, RefusesAnotherMechanism) {
  Admission admission;
  EXPECT_EQ(admission.answer({"1.0", "7", "portoser", "127.0.0.1", "", "NULL"}).frames.at(2),
            "400");
}

TEST(Admission, KeyThatIsForgottenIsRefused) {
  const auto key = protocol::make_key_pair().public_key;
  Admission admission;
  admission.allow(key);
  EXPECT_TRUE(admission.allows(key));
  admission.forget(key);
  EXPECT_FALSE(admission.allows(key));
  EXPECT_EQ(admission.answer(request(key)).frames.at(2), "400");
}

TEST(Admission, DoesNotAnswerWhatIsNoRequest) {
  Admission admission;
  EXPECT_TRUE(admission.answer({"2.0", "7"}).frames.empty());
  EXPECT_TRUE(admission.answer({}).frames.empty());
}

}  // namespace
}  // namespace portoser::fleet
