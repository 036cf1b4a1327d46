// The text of registry.yml over HTTP.

#include "tests/unit/api/registry_fixture.h"

#include <gmock/gmock.h>

namespace portoser::api {
namespace {

using http::Method;
using testing::HasSubstr;
using testing::Not;

using RegistryText = RegistryApiTest;

TEST_F(RegistryText, IsReadAndReplacedWhereItWasRead) {
  const auto answer = ask("/api/registry");
  const auto read = Json::parse(answer.text());
  EXPECT_EQ(read["text"], before_);
  EXPECT_EQ(read["revision"], registry_->snapshot()->registry->revision);
  EXPECT_EQ(read["in_force"], read["revision"]);
  EXPECT_EQ(read["source"], "ok");
  EXPECT_EQ(etag_of(answer), "\"" + read["revision"].get<std::string>() + "\"");
  const auto with_mail = before_ + "  mail: {docker_compose: /m.yml}   # mine\n";
  const auto replaced =
      send(Method::put, "/api/registry", {{"text", with_mail}, {"revision", read["revision"]}});
  EXPECT_EQ(replaced["changes"]["services"]["added"], Json({"mail"}));
  EXPECT_EQ(text(), with_mail);
  const auto late =
      refused(Method::put, "/api/registry", {{"text", before_}, {"revision", read["revision"]}});
  EXPECT_EQ(late.reason(), "PRECONDITION_FAILED");
  EXPECT_EQ(refused(Method::put, "/api/registry", {{"text", before_}}).where(), "body.revision");
  request_of(Method::put,
             "/api/registry",
             {{"text", before_}},
             {{"If-Match", etag_of(ask("/api/registry"))}});
  EXPECT_EQ(text(), before_);
}

TEST_F(RegistryText, ThatIsBrokenOnTheDiskIsShownWithTheReason) {
  write_file_atomic(folder_ / "registry.yml", "hosts:\n\tbrick: {}\n");
  EXPECT_EQ(send(Method::post, "/api/registry/reload")["source"], "last_good");
  const auto read = get("/api/registry");
  EXPECT_EQ(read["text"], "hosts:\n\tbrick: {}\n");
  EXPECT_NE(read["in_force"], read["revision"]);
  EXPECT_THAT(read["problem"]["where"].get<std::string>(), HasSubstr("registry.yml:2:1"));
  const auto error = refused(Method::put, "/api/services/notes", {{"port", 1}});
  EXPECT_EQ(error.reason(), "REGISTRY_BROKEN");
  send(Method::put, "/api/registry", {{"text", before_}, {"revision", read["revision"]}});
  EXPECT_EQ(get("/api/registry")["source"], "ok");
}

TEST_F(RegistryText, IsTriedOutWithoutAnEffect) {
  const auto good = send(Method::post,
                         "/api/registry/validate",
                         {{"text", "hosts: {}\nservices:\n  mail: {prot: 25}\n"}});
  EXPECT_EQ(good["valid"], true);
  EXPECT_EQ(good["changes"]["services"]["added"], Json({"mail"}));
  EXPECT_EQ(good["changes"]["machines"]["removed"], Json({"brick"}));
  ASSERT_EQ(good["findings"].size(), 2U);
  EXPECT_EQ(good["findings"][1]["line"], 3);
  EXPECT_EQ(good["findings"][1]["path"], "services.mail.prot");
  const auto bad = send(Method::post, "/api/registry/validate", {{"text", "hosts: ["}});
  EXPECT_EQ(bad["valid"], false);
  EXPECT_THAT(bad["problem"]["where"].get<std::string>(), HasSubstr("registry.yml:"));
  EXPECT_EQ(text(), before_);
  EXPECT_EQ(get("/api/registry/history")["backups"], Json::array());
}

TEST_F(RegistryText, BeforeAnEditComesBack) {
  send(Method::put, "/api/services/notes", {{"port", 8090}});
  const auto backups = get("/api/registry/history")["backups"];
  ASSERT_EQ(backups.size(), 1U);
  EXPECT_EQ(backups[0]["who"], "Ada");
  EXPECT_EQ(backups[0]["what"], "service notes changed: port");
  const auto id = backups[0]["id"].get<std::string>();
  const auto restored = send(Method::post, "/api/registry/restore/" + id);
  EXPECT_EQ(restored["changes"]["services"]["changed"], Json({"notes"}));
  EXPECT_EQ(text(), before_);
  EXPECT_EQ(refused(Method::post, "/api/registry/restore/99999999", {}).reason(), "BACKUP_UNKNOWN");
}

TEST_F(RegistryText, ShowsNoSecretAndKeepsIt) {
  const auto secret = before_ + "  mail: {docker_compose: /m.yml, env: {DB_PASSWORD: hunter2}}\n";
  write_file_atomic(folder_ / "registry.yml", secret);
  const auto read = get("/api/registry");
  EXPECT_THAT(read["text"].get<std::string>(), Not(HasSubstr("hunter2")));
  const auto edited = read["text"].get<std::string>() + "  web: {docker_compose: /w.yml}\n";
  send(Method::put, "/api/registry", {{"text", edited}, {"revision", read["revision"]}});
  EXPECT_EQ(text(), secret + "  web: {docker_compose: /w.yml}\n");
  const auto error = refused(Method::put,
                             "/api/registry",
                             {{"text", "services: {a: {env: {API_TOKEN: \"***\"}}}\n"},
                              {"revision", get("/api/registry")["revision"]}});
  EXPECT_EQ(error.reason(), "MASKED_SECRET");
  EXPECT_EQ(text(), secret + "  web: {docker_compose: /w.yml}\n");
}

}  // namespace
}  // namespace portoser::api
