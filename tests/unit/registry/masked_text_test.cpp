#include "controller/registry/masked_text.h"

#include "common/error.h"
#include "controller/registry/masked.h"
#include "tests/unit/registry/edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::registry {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string secrets = R"(# admin password: hunter1
x-pw: &pw hunter2
hosts:
  den: {ip: a, ssh_key: /home/hunter3}   # token=hunter4
services:
  wiki:
    docker_compose: /c.yml
    env:
      DB_PASSWORD: 'hunter5'
      OTHER_SECRET: *pw
      MODE: quiet   # *** quiet ***
      API_TOKENS:
        - hunter6
        - hunter7
    environment: ["A=b", "DB_PASSWORD=hunter8", "X_TOKEN=hunter9"]
    healthcheck_url: http://u:hunter10@a/health
    private_key: |
      hunter11
      hunter12
    port: 80
)";

TEST(MaskedText, HidesEverySecretAndNothingElse) {
  const auto shown = masked_text(secrets);
  EXPECT_THAT(shown, Not(HasSubstr("hunter")));
  for (const auto* part : {"docker_compose: /c.yml\n",
                           "MODE: quiet   # *** quiet ***\n",
                           "OTHER_SECRET: *pw\n",
                           "\"A=b\"",
                           "DB_PASSWORD=***",
                           "http://u:***@a/health",
                           "x-pw: &pw \"***\"",
                           "    port: 80\n"}) {
    EXPECT_THAT(shown, HasSubstr(part));
  }
}

TEST(MaskedText, ComesBackAsItWas) {
  EXPECT_EQ(unmasked_text(masked_text(secrets), secrets), secrets);
}

TEST(MaskedText, ComesBackWithTheEditsThatWereMadeInIt) {
  const auto edit = [](std::string_view text) {
    auto after = replaced(text, "port: 80", "port: 81");
    after = replaced(after, "\"A=b\", ", "");
    return replaced(after, "  wiki:\n", "  mail: {port: 1}\n  wiki:\n");
  };
  EXPECT_EQ(unmasked_text(edit(masked_text(secrets)), secrets), edit(secrets));
}

TEST(MaskedText, ASecretMayBeReplaced) {
  const auto shown = replaced(masked_text(secrets), "DB_PASSWORD: \"***\"", "DB_PASSWORD: new");
  EXPECT_EQ(unmasked_text(shown, secrets), replaced(secrets, "'hunter5'", "new"));
}

TEST(MaskedText, AMaskThatMeansNothingIsRefused) {
  const auto renamed = replaced(masked_text(secrets), "  wiki:\n", "  viki:\n");
  for (const std::string& text :
       {renamed, std::string{"services: {a: {env: {PASSWORD: \"***\"}}}\n"}}) {
    try {
      unmasked_text(text, secrets);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "MASKED_SECRET");
      EXPECT_THAT(error.message(), HasSubstr("registry.yml:"));
    }
  }
}

TEST(MaskedText, StarsThatWereThereStay) {
  const std::string text = "services: {a: {description: \"***\", env: {PASSWORD: \"***\"}}}\n";
  EXPECT_EQ(unmasked_text(text, text), text);
  EXPECT_EQ(unmasked_text("# *** new ***\n" + text, text), "# *** new ***\n" + text);
}

TEST(MaskedText, InASpellingThatCannotBeFollowedNothingIsWrittenOver) {
  const std::string odd = "services:\n  ? wiki\n  : env: {PASSWORD: hunter}\n  ? mail\n";
  EXPECT_EQ(unmasked_text(masked_text(odd), odd), odd);
}

/// The text with which an edit of the masked text comes back, or the reason why it does not.
std::string put_back(const std::string& text, const std::string& before) {
  try {
    return unmasked_text(text, before);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    EXPECT_THAT(error.message(), HasSubstr("registry.yml:"));
    EXPECT_FALSE(error.hint().empty());
    return error.reason();
  }
}

TEST(MaskedText, ThatComesBackAsItWasShownIsTheOldOneToTheByte) {
  for (const std::string text : {
           "services: {a: {env: {PASSWORD: one, PASSWORD: 'two'}}}\n",
           "x:\n  password: one\n  password: two\n",
           "a: # password: ONE\nb: # password: TWO\n",
           "x: [{password: a}, {password: b}]\n",
           "hosts: [\n  password: one\n",
           "\xEF\xBB\xBFpassword: one\r\ntoken: |\r\n  a\r\n  b\r\n",
       }) {
    EXPECT_EQ(put_back(masked_text(text), text), text);
  }
}

TEST(MaskedText, OfAListEachSecretGoesToItsOwnItemOrNowhere) {
  const std::string text =
      "x:\n  - {user: a, password: AAA}\n  - {user: b, password: BBB}\n  - {user: c}\n";
  const auto shown = masked_text(text);
  const std::string a = "  - {user: a, password: \"***\"}\n";
  EXPECT_EQ(put_back(replaced(shown, a, ""), text),
            "x:\n  - {user: b, password: BBB}\n  - {user: c}\n");
  EXPECT_EQ(put_back(replaced(shown, "{user: c}", "{user: d}"), text),
            replaced(text, "{user: c}", "{user: d}"));
  EXPECT_EQ(put_back(replaced(shown, "user: a", "user: d"), text), "MASKED_SECRET");
  EXPECT_EQ(put_back(replaced(shown, "user: a", "user: b"), text), "MASKED_SECRET");
  const std::string alike = "x: [{password: AAA}, {password: BBB}, 1]\n";
  EXPECT_EQ(put_back(replaced(masked_text(alike), "1", "2"), alike), "MASKED_SECRET");
  EXPECT_EQ(put_back(masked_text(alike) + "y: 1\n", alike), alike + "y: 1\n");
}

TEST(MaskedText, ACommentKeepsItsSecretBetweenItsKeysAlone) {
  const std::string text =
      "services:\n  # password: ONE\n  a: {port: 1}   # password: TWO\n  b:   # password: THREE\n"
      "    port: 2\n  # password: FOUR\n  c: {}\n";
  const auto shown = masked_text(text);
  EXPECT_THAT(shown, Not(HasSubstr("ONE")));
  EXPECT_EQ(put_back(shown + "  d: {}\n", text), text + "  d: {}\n");
  const std::string swapped =
      "services:\n  # password: ***\n  b:   # password: ***\n    port: 2\n  # password: ***\n"
      "  a: {port: 1}   # password: ***\n  c: {}\n";
  EXPECT_EQ(put_back(swapped, text), "MASKED_SECRET");
  EXPECT_EQ(put_back(replaced(shown, "  # password: ***\n  c", "  c"), text),
            replaced(text, "  # password: FOUR\n", ""));
  EXPECT_EQ(put_back(shown + "# password: ***\n", text), "MASKED_SECRET");
  EXPECT_EQ(put_back(shown + "# *** the end ***\n", text), text + "# *** the end ***\n");
  const std::string list = "x:\n  - a   # token=ONE\n  - b   # token=TWO\n";
  EXPECT_EQ(put_back("x:\n  - b   # token=***\n", list), "MASKED_SECRET");
}

TEST(MaskedText, OfAKeyThatIsThereTwiceNoSecretIsGuessed) {
  const std::string text = "x:\n  password: one\n  password: two\ny: 1\n";
  EXPECT_EQ(put_back(replaced(masked_text(text), "y: 1", "y: 2"), text),
            replaced(text, "y: 1", "y: 2"));
  EXPECT_EQ(put_back("x:\n  password: \"***\"\ny: 1\n", text), "MASKED_SECRET");
}

TEST(MaskedText, ASecretIsWrittenAsItsNewPlaceNeedsIt) {
  const std::string text =
      "x:\n  password: a,b\n  token: |\n    c\n    d\n  secret: 17\n  keys:\n    - e\n    - f\n";
  EXPECT_EQ(put_back("x: {password: \"***\", token: '***', secret: \"***\"}\n", text),
            "x: {password: 'a,b', token: \"c\\nd\\n\", secret: 17}\n");
  EXPECT_EQ(put_back("x: {keys: \"***\"}\n", text), "MASKED_SECRET");
}

TEST(MaskedText, WhereTheOldTextCannotBeReadEveryMaskIsRefused) {
  const std::string broken = "# *** mine ***\nhosts: [\npassword: one\n# token: two\n";
  for (const auto* line : {"password: \"***\"\n",
                           "x: ['PASSWORD=***']\n",
                           "x: http://u:***@a/\n",
                           "hosts: {}   # token: ***\n",
                           "# token= ***\n"}) {
    EXPECT_EQ(put_back(std::string{"services: {}\n"} + line, broken), "MASKED_SECRET") << line;
  }
  const std::string mended = "# *** mine ***\nhosts: {}\npassword: one\n";
  EXPECT_EQ(put_back(mended, broken), mended);
}

TEST(MaskedText, AMaskUnderAnotherNameIsRefused) {
  const std::string text = "x-pw: &pw hunter2\npassword: *pw\n";
  const auto shown = masked_text(text);
  EXPECT_EQ(put_back(replaced(shown, "x-pw", "y-pw"), text), "MASKED_SECRET");
  EXPECT_EQ(put_back("pass: \"***\"\n", "password: one\n"), "MASKED_SECRET");
}

TEST(MaskedText, LooksIntoLinesWordsAndUrls) {
  for (const std::string value : {
           "export API_TOKEN=hunter",
           "sh -c \"PGPASSWORD=hunter psql\"",
           "one\ntwo --password=hunter\nthree",
           "http://a/ http://u:hunter@b/",
           "http://a/,http://u:hunter@b/",
           "http://u:hun/ter@b/x",
           "http://u:hun#ter@b/x",
           "curl -H 'X-Api-Key: hunter' http://a/",
           "{\"token\": \"hunter\"}",
       }) {
    const auto shown = mask_text(value);
    EXPECT_THAT(shown, Not(HasSubstr("ter"))) << shown;
    EXPECT_EQ(mask_text(shown), shown);
    EXPECT_TRUE(has_mask(shown)) << shown;
  }
  for (const std::string value : {"http://a:80/@x",
                                  "quay.io/keycloak/keycloak:24",
                                  "keycloak:24",
                                  "/srv/keys:/keys:ro",
                                  "http://h/?key=1",
                                  "the key"}) {
    EXPECT_EQ(mask_text(value), value);
  }
  EXPECT_FALSE(has_mask("*** quiet ***"));
}

TEST(MaskedText, FollowsAliasesBelowSecrets) {
  const std::string text =
      "x-a: &a hunter1\nx-b: &b hunter2\nx-m: &m {u: *a}\nsecrets: *m\ntokens: {t: *b}\n";
  const auto shown = masked_text(text);
  EXPECT_THAT(shown, Not(HasSubstr("hunter")));
  EXPECT_EQ(put_back(shown + "hosts: {}\n", text), text + "hosts: {}\n");
}

TEST(MaskedText, OfWhatIsNoYamlIsHiddenLineByLine) {
  const auto shown = masked_text(
      "services:\n\twiki: [\n  env:\n    DB_PASSWORD: hunter1\n    x: {token: hunter2}\n"
      "    keys:\n      - hunter3\n    url: http://u:hunter4@h/\n  port: 80\n");
  EXPECT_THAT(shown, Not(HasSubstr("hunter")));
  EXPECT_THAT(shown, HasSubstr("  port: 80\n"));
}

}  // namespace
}  // namespace portoser::registry
