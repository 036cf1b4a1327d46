#include "controller/registry/masked_text.h"

#include "common/error.h"
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

TEST(MaskedText, OfWhatIsNoYamlIsHiddenLineByLine) {
  const auto shown = masked_text(
      "services:\n\twiki: [\n  env:\n    DB_PASSWORD: hunter1\n    x: {token: hunter2}\n"
      "    keys:\n      - hunter3\n    url: http://u:hunter4@h/\n  port: 80\n");
  EXPECT_THAT(shown, Not(HasSubstr("hunter")));
  EXPECT_THAT(shown, HasSubstr("  port: 80\n"));
}

}  // namespace
}  // namespace portoser::registry
