#include "controller/fleet/join_tokens.h"

#include "tests/unit/fleet/fleet_fixture.h"

namespace portoser::fleet {
namespace {

class JoinTokensTest : public FleetTest {
 protected:
  std::string wrong_field(TokenWish wish) {
    try {
      run(tokens_.create(std::move(wish)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      return error.where();
    }
    return "";
  }
  JoinTokens tokens_{*database_, {"http://127.0.0.1:8991", keys_.public_key}, clock_};
};

TEST_F(JoinTokensTest, ANewTokenLetsAHostIn) {
  TokenWish wish;
  wish.host = "brick";
  wish.created_by = "ada";
  const auto made = run(tokens_.create(wish));
  const auto token = protocol::decode_join_token(made.text);
  EXPECT_EQ(token.id, made.record.id);
  EXPECT_EQ(token.url, "http://127.0.0.1:8991");
  EXPECT_EQ(token.controller_key, keys_.public_key);
  RegistrationRequest request;
  request.hostname = "brick";
  request.public_key = device_keys_.public_key;
  request.registration_token = made.text;
  run(fleet_->join(std::move(request)));
  EXPECT_EQ(fleet_->devices()->at("brick")->owner, "ada");
  EXPECT_EQ(token_state(run(tokens_.find(token.id)), clock_.now()), "used up");
}

TEST_F(JoinTokensTest, StatesOfAToken) {
  const auto made = run(tokens_.create({}));
  EXPECT_EQ(token_state(made.record, clock_.now()), "valid");
  EXPECT_EQ(token_state(made.record, clock_.now() + 25h), "expired");
  const auto revoked = run(tokens_.revoke(made.record.id));
  EXPECT_EQ(token_state(revoked, clock_.now()), "revoked");
  EXPECT_EQ(run(tokens_.revoke(made.record.id)).revoked_at, revoked.revoked_at);
  EXPECT_THROW(run(tokens_.find("nobody")), Error);
  EXPECT_THROW(run(tokens_.revoke("nobody")), Error);
}

TEST_F(JoinTokensTest, WishesThatCannotBeNameTheField) {
  TokenWish wish;
  wish.uses = 0;
  EXPECT_EQ(wrong_field(wish), "body.max_uses");
  wish = {};
  for (const std::int64_t hours : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 62U}) {
    wish.expires = hours_of(hours);
    EXPECT_EQ(wrong_field(wish), "body.expires_in_hours") << hours;
  }
  wish = {};
  wish.allow_key_change = true;
  EXPECT_EQ(wrong_field(wish), "body.host");
  wish = {};
  wish.host = "../../x";
  EXPECT_EQ(wrong_field(wish), "body.host");
  wish = {};
  wish.description = std::string(300, 'a');
  EXPECT_EQ(wrong_field(wish), "body.description");
}

}  // namespace
}  // namespace portoser::fleet
