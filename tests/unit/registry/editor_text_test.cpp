// The whole text: replaced, looked at beforehand, restored.
#include "controller/registry/load.h"
#include "tests/unit/registry/editor_fixture.h"

#include <gmock/gmock.h>

namespace portoser::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(RegistryEditorTest, BackupsSayWhoAndWhatAndAreFifty) {
  start();
  for (int i = 1; i <= 55; ++i) {
    edit(change_of(Section::services, "wiki", {{"port", number(i)}}));
  }
  const auto all = run(editor_->history());
  ASSERT_EQ(all.size(), Backups::kept);
  EXPECT_EQ(all.front().who, "ada");
  EXPECT_EQ(all.front().what, "service wiki changed: port");
  EXPECT_EQ(all.front().at, clock_.now());
  EXPECT_GT(all.front().id, all.back().id);
  const auto expected = replaced(with_new_port, "port: 8090", "port: 54");
  EXPECT_EQ(all.front().bytes, expected.size());
  struct stat status {};
  ASSERT_EQ(::stat((backups_ / (all.front().id + ".yml")).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  const auto outcome = run(editor_->restore(all.front().id, {"bob", {}, false}));
  EXPECT_EQ(on_disk(), expected);
  EXPECT_THAT(outcome.changes.services.changed, ElementsAre("wiki"));
  EXPECT_EQ(run(editor_->history()).front().what, "restored " + all.front().id);
  EXPECT_THROW(run(editor_->restore("../../etc/passwd", {"bob", {}, false})), Error);
}

TEST_F(RegistryEditorTest, ATextIsReplacedOnlyWhereItWasRead) {
  start();
  const auto read = run(editor_->text());
  EXPECT_EQ(read.text, sample);
  const auto text = sample + "  mail: {docker_compose: /m.yml}\n";
  const auto outcome = run(editor_->replace(text, only_at(read.revision)));
  EXPECT_THAT(outcome.changes.services.added, ElementsAre("mail"));
  EXPECT_EQ(on_disk(), text);
  try {
    run(editor_->replace(sample, only_at(read.revision)));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "PRECONDITION_FAILED");
  }
  EXPECT_EQ(on_disk(), text);
}

TEST_F(RegistryEditorTest, ATextThatIsNoRegistryIsRefusedWithItsPlace) {
  start();
  for (const std::string text : {"hosts:\n\tden: {}\n", "hosts: {a: {}, a: {}}\n", ""}) {
    try {
      run(editor_->replace(text, only_at("*")));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_THAT(error.where(), HasSubstr("registry.yml:"));
    }
  }
  // As if it had been copied in part.
  EXPECT_THROW(run(editor_->replace(sample.substr(0, sample.size() - 10), only_at("*"))), Error);
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, ABrokenFileIsNotEditedAndMayBeReplaced) {
  start();
  const std::string broken = "hosts:\n\tden: {}\n";
  write_file_atomic(file_, broken);
  const auto error = refused(new_port);
  EXPECT_EQ(error.reason(), "REGISTRY_BROKEN");
  EXPECT_THAT(error.where(), HasSubstr(":2:1"));
  EXPECT_EQ(refused(addition_of(Section::hosts, "x", {{"ip", text("a")}})).reason(),
            "REGISTRY_BROKEN");
  EXPECT_EQ(on_disk(), broken);
  run(editor_->replace(sample, only_at(run(editor_->text()).revision)));
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, APreviewWritesNothing) {
  start();
  const auto preview =
      run(editor_->preview(replaced(sample, "loft: {ip: b}", "shed: {ip: b, prot: 1}")));
  EXPECT_TRUE(preview.valid);
  EXPECT_THAT(preview.changes.machines.added, ElementsAre("shed"));
  EXPECT_THAT(preview.changes.machines.removed, ElementsAre("loft"));
  EXPECT_TRUE(preview.changes.services.empty());
  ASSERT_EQ(preview.findings.size(), 1U);
  EXPECT_EQ(preview.findings[0].line, 4);
  const auto broken = run(editor_->preview("hosts: ["));
  EXPECT_FALSE(broken.valid);
  ASSERT_TRUE(broken.problem);
  EXPECT_EQ(on_disk(), sample);
  EXPECT_TRUE(run(editor_->history()).empty());
}

TEST_F(RegistryEditorTest, SecretsOfTheTextStayWhereTheyAre) {
  const auto with_secret = replaced(sample, "/store.yml}", "/store.yml, env: {PASSWORD: s3}}");
  start(with_secret);
  const auto read = run(editor_->text());
  EXPECT_THAT(read.text, testing::Not(HasSubstr("s3")));
  run(editor_->replace(replaced(read.text, "{ip: b}", "{ip: c}"), only_at(read.revision)));
  EXPECT_EQ(on_disk(), replaced(with_secret, "{ip: b}", "{ip: c}"));
}

}  // namespace
}  // namespace portoser::registry
