// Edits of entries: what is in force, what is refused, what comes together.
#include "tests/unit/registry/editor_fixture.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <future>
#include <unistd.h>

namespace portoser::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(RegistryEditorTest, WhatItWroteIsInForceWhenItAnswers) {
  start();
  const auto outcome = edit(new_port);
  EXPECT_EQ(on_disk(), with_new_port);
  const auto state = watch_->snapshot();
  EXPECT_EQ(state->registry->revision, outcome.revision);
  EXPECT_EQ(state->registry->find_service("wiki")->port, 8090);
  EXPECT_EQ(outcome.entry_revision, revision_of_wiki());
  EXPECT_THAT(names_in_folder(), ElementsAre("registry.yml", "registry.yml.lock"));
  run(watch_->reload());
  const std::lock_guard lock{mutex_};
  EXPECT_THAT(told_, ElementsAre(outcome.revision));
}

TEST_F(RegistryEditorTest, AnEditThatChangesNothingWritesNothing) {
  start();
  edit(new_port);
  struct stat before {};
  ASSERT_EQ(::stat(file_.c_str(), &before), 0);
  edit(new_port);
  struct stat after {};
  ASSERT_EQ(::stat(file_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(run(editor_->history()).size(), 1U);
}

TEST_F(RegistryEditorTest, ModeOwnerAndLinkStay) {
  const auto real = folder_ / "real.yml";
  write_file_atomic(real, sample, 0640);
  const bool is_root = ::getuid() == 0;
  ASSERT_TRUE(!is_root || ::chown(real.c_str(), 65534, 65534) == 0);
  std::filesystem::create_symlink(real, file_);
  open();
  edit(new_port);
  EXPECT_TRUE(std::filesystem::is_symlink(file_));
  EXPECT_EQ(read_file(real), with_new_port);
  struct stat status {};
  ASSERT_EQ(::stat(real.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  if (is_root) {
    EXPECT_EQ(status.st_uid, 65534U);
    EXPECT_EQ(status.st_gid, 65534U);
  }
}

TEST_F(RegistryEditorTest, AFileThatIsNotThereIsMadeByTheFirstEntry) {
  start("");
  edit(addition_of(Section::hosts, "den", {{"ip", text("a")}}));
  EXPECT_EQ(on_disk(), "hosts:\n  den:\n    ip: a\n");
  EXPECT_EQ(watch_->snapshot()->source, Source::ok);
  EXPECT_TRUE(run(editor_->history()).empty());
}

TEST_F(RegistryEditorTest, WhetherAnEditIsPossibleIsToldWithoutIt) {
  start();
  run(editor_->require_possible(new_port, {}));
  EXPECT_EQ(on_disk(), sample);
  EntryEdit removal;
  removal.kind = EntryEdit::Kind::remove;
  removal.name = "store";
  EXPECT_THROW(run(editor_->require_possible(removal, {})), Error) << "wiki needs it";
}

TEST_F(RegistryEditorTest, AnotherRevisionOfTheEntryIsRefusedAndOfAnotherEntryIsNot) {
  start();
  const auto revision = revision_of_wiki();
  edit(change_of(Section::services, "store", {{"port", number(1)}}));
  EXPECT_EQ(edit(new_port, only_at(revision)).warnings.size(), 0U);
  const auto before = on_disk();
  const auto error =
      refused(change_of(Section::services, "wiki", {{"port", number(2)}}), only_at(revision));
  EXPECT_EQ(error.reason(), "PRECONDITION_FAILED");
  EXPECT_EQ(on_disk(), before);
  edit(change_of(Section::services, "wiki", {{"port", number(2)}}), only_at("*"));
  EXPECT_EQ(refused(removal_of(Section::services, "wiki"), only_at(revision)).reason(),
            "PRECONDITION_FAILED");
}

TEST_F(RegistryEditorTest, TheRevisionIsComparedWithWhatWasSavedMeanwhile) {
  start();
  before_replace_ = [&] {
    before_replace_ = {};
    write_file_atomic(file_, replaced(sample, "/wiki.yml", "/other.yml"));
  };
  EXPECT_EQ(refused(new_port, only_at(revision_of_wiki())).reason(), "PRECONDITION_FAILED");
  EXPECT_EQ(on_disk(), replaced(sample, "/wiki.yml", "/other.yml"));
}

TEST_F(RegistryEditorTest, WhatWouldBreakTheEntryIsRefused) {
  start();
  const auto wiki = [](std::string field, FieldValue value) {
    return change_of(Section::services, "wiki", {{std::move(field), std::move(value)}});
  };
  struct Wrong {
    EntryEdit edit;
    const char* where;
  };
  for (const auto& [wrong, where] :
       {Wrong{wiki("port", number(70000)), "body.port"},
        Wrong{wiki("current_host", text("nowhere")), "body.current_host"},
        Wrong{wiki("deployment_type", text("magic")), "body.deployment_type"},
        Wrong{wiki("docker_compose", {}), "body"},
        Wrong{wiki("healthcheck_url", text("no url")), "body.healthcheck_url"},
        Wrong{wiki("hostname", text("a b")), "body.hostname"},
        Wrong{change_of(Section::hosts, "den", {{"ssh_port", number(0)}}), "body.ssh_port"},
        Wrong{change_of(Section::hosts, "den", {{"path", text("relative")}}), "body.path"},
        Wrong{addition_of(Section::services, "new", {{"current_host", text("den")}}), "body"}}) {
    const auto error = refused(wrong);
    EXPECT_EQ(error.code(), Code::invalid) << where;
    EXPECT_EQ(error.where(), where) << error.message();
    EXPECT_FALSE(error.details().empty()) << where;
    EXPECT_EQ(on_disk(), sample);
  }
  for (const auto* name : {"", "../x", "a;id", "--force", "$(id)", "Größe", "A"}) {
    EXPECT_EQ(refused(addition_of(Section::hosts, name, {{"ip", text("a")}})).where(), "body.name")
        << name;
  }
}

TEST_F(RegistryEditorTest, ABrokenEntryMayBeMendedStepByStep) {
  start("hosts: {den: {ip: a}}\nservices:\n  wiki: {current_host: dem, port: 99999}\n");
  edit(change_of(Section::services, "wiki", {{"port", number(80)}}));
  edit(change_of(Section::services, "wiki", {{"current_host", text("den")}}));
  edit(change_of(Section::services, "wiki", {{"docker_compose", text("/w.yml")}}));
  EXPECT_FALSE(watch_->snapshot()->registry->find_service("wiki")->quarantined());
}

TEST_F(RegistryEditorTest, WhatOthersNeedIsNotRemoved) {
  start();
  const auto host = refused(removal_of(Section::hosts, "den"));
  EXPECT_EQ(host.reason(), "MACHINE_IN_USE");
  EXPECT_THAT(host.message(), HasSubstr("wiki, store"));
  const auto service = refused(removal_of(Section::services, "store"));
  EXPECT_EQ(service.reason(), "SERVICE_NEEDED");
  EXPECT_THAT(service.message(), HasSubstr("wiki"));
  EXPECT_EQ(on_disk(), sample);
  EditTerms forced;
  forced.force = true;
  edit(removal_of(Section::services, "store"), forced);
  edit(removal_of(Section::hosts, "loft"));
  EXPECT_EQ(
      on_disk(),
      replaced(replaced(sample, "  store: {current_host: den, docker_compose: /store.yml}\n", ""),
               "  loft: {ip: b}\n",
               ""));
}

TEST_F(RegistryEditorTest, FiftyAtOnceAllArrive) {
  start();
  std::vector<std::future<EditOutcome>> all;
  for (int i = 0; i < 50; ++i) {
    auto edit = addition_of(Section::services,
                            "new" + std::to_string(i),
                            {{"docker_compose", text("/" + std::to_string(i))}});
    all.push_back(asio::co_spawn(
        context_, editor_->edit(std::move(edit), {"ada", {}, false}), asio::use_future));
  }
  for (auto& one : all) one.get();
  const auto registry = parse_registry(on_disk(), "r");
  EXPECT_EQ(registry.services().size(), 52U);
  EXPECT_THAT(on_disk(), HasSubstr("# and no more"));
  EXPECT_EQ(run(editor_->history()).size(), 50U);
}

}  // namespace
}  // namespace portoser::registry
