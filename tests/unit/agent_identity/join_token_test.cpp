#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"
#include "protocol/curve.h"
#include "protocol/join.h"

#include <gtest/gtest.h>

namespace portoser::protocol {
namespace {

JoinToken sample() {
  return {"01JTOKEN", "secret", "http://10.0.0.5:8991", make_key_pair().public_key};
}

std::string message_for(const std::string& text) {
  try {
    decode_join_token(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return "no error";
}

TEST(JoinToken, ReadsBackWhatWasWritten) {
  const auto token = sample();
  const auto text = encode_join_token(token);
  EXPECT_TRUE(text.starts_with("portoser1."));
  EXPECT_EQ(decode_join_token(text), token);
  EXPECT_EQ(decode_join_token("  " + text + "\n"), token);
}

TEST(JoinToken, EveryCutIsAnErrorThatSaysSo) {
  const auto text = encode_join_token(sample());
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto message = message_for(text.substr(0, length));
    EXPECT_NE(message.find(length < 10 ? "not a join token" : "cut off"), std::string::npos)
        << length << ": " << message;
  }
}

TEST(JoinToken, SaysWhatIsWrongWithOtherText) {
  EXPECT_NE(message_for("hello").find("not a join token"), std::string::npos);
  EXPECT_NE(message_for("portoser1.a b").find("letters"), std::string::npos);
  const auto of = [](const std::string& json) { return "portoser1." + to_base64url(json); };
  EXPECT_NE(message_for(of(R"({"id":1})")).find("damaged"), std::string::npos);
  EXPECT_NE(message_for(of(R"({"id":"a"})")).find("no id or secret"), std::string::npos);
  EXPECT_NE(message_for(of(R"({"id":"a","secret":"b","url":"ftp://x"})")).find("http address"),
            std::string::npos);
  EXPECT_NE(message_for(of(R"({"id":"a","secret":"b","url":"http://x","key":"k"})")).find("key"),
            std::string::npos);
}

TEST(JoinProof, IsTheHmacOfNameAndKeyUnderTheHashOfTheSecret) {
  // printf 'web1\nKEY' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf secret | sha256sum)
  EXPECT_EQ(join_proof(sha256("secret"), "web1", "KEY"),
            "5d04cbae0ec6e56a007c2d8a95424c18543a5555aae0f03a06da544de983393d");
  EXPECT_NE(join_proof(sha256("secret"), "web2", "KEY"),
            join_proof(sha256("secret"), "web1", "KEY"));
}

}  // namespace
}  // namespace portoser::protocol
