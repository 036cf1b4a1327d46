#include "common/ids.h"

#include "common/crypto.h"
#include "common/derived_ulid.h"
#include "common/error.h"

#include <gtest/gtest.h>

#include <set>

namespace portoser {
namespace {

TEST(Ulid, HoldsItsTimeSoThatIdsSort) {
  // The specification's example: 1469918176385 ms is "01ARYZ6S41".
  const Time time{std::chrono::milliseconds{1469918176385}};
  const auto id = make_ulid(time);
  EXPECT_EQ(id.substr(0, 10), "01ARYZ6S41");
  EXPECT_TRUE(is_ulid(id));
  EXPECT_LT(id, make_ulid(time + std::chrono::milliseconds{1}));
}

TEST(Ulid, IsDifferentEachTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(make_ulid(Time{}));
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Ulid, IsRecognised) {
  EXPECT_FALSE(is_ulid("01ARYZ6S41"));
  EXPECT_FALSE(is_ulid("01ARYZ6S41TSV4RRFFQ69G5FAU")) << "U is no letter of the alphabet";
  EXPECT_FALSE(is_ulid("81ARYZ6S41TSV4RRFFQ69G5FAV")) << "more than 128 bits";
}

TEST(DerivedUlid, IsTheSameForTheSameTwoAndHasTheTimeOfTheFirst) {
  const std::string id = "01J9Z3NDEKTSV4RRFFQ69G5FAV";
  const auto derived = derived_ulid(id, "routing.caddy");
  EXPECT_TRUE(is_ulid(derived)) << derived;
  EXPECT_EQ(derived, derived_ulid(id, "routing.caddy"));
  EXPECT_EQ(derived.substr(0, 10), id.substr(0, 10));
  EXPECT_NE(derived, id);
  EXPECT_NE(derived, derived_ulid(id, "routing.hosts"));
  EXPECT_NE(derived, derived_ulid("01J9Z3NDEKTSV4RRFFQ69G5FAW", "routing.caddy"));
  EXPECT_THROW(derived_ulid("no ulid", "routing.caddy"), Error);
}

/// A job that another version of the controller began asks for the same ids.
TEST(DerivedUlid, IsTheSameInEveryVersion) {
  EXPECT_EQ(derived_ulid("01J9Z3NDEKTSV4RRFFQ69G5FAV", "routing.caddy"),
            "01J9Z3NDEKTT3VD1TMHQC1CMFX");
}

TEST(Base64Url, ReadsWhatItWrote) {
  // RFC 4648, section 10.
  EXPECT_EQ(to_base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64url("fooba"), "Zm9vYmE");
  for (std::size_t size = 0; size < 40; ++size) {
    const auto bytes = random_bytes(size);
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
  }
  EXPECT_THROW(from_base64url("a+b/"), Error);
}

TEST(Hex, ReadsWhatItWrote) {
  EXPECT_EQ(from_hex(to_hex("\x00\xff ok")), "\x00\xff ok");
  EXPECT_THROW(from_hex("abc"), Error);
  EXPECT_THROW(from_hex("zz"), Error);
}

TEST(Sha256, IsTheStandardOne) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, IsTheStandardOne) {
  // RFC 4231, test case 2.
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace portoser
