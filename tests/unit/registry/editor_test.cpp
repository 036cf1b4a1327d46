#include "controller/registry/editor.h"

#include "common/file.h"
#include "controller/registry/load.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/registry/edits.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <thread>
#include <unistd.h>

namespace portoser::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string sample = R"(# mine
hosts:
  den: {ip: a}   # here
  loft: {ip: b}
services:
  wiki:
    current_host: den
    docker_compose: /wiki.yml
    dependencies: [store]   # and no more
  store: {current_host: den, docker_compose: /store.yml}
)";

class RegistryEditorTest : public testing::Test {
 protected:
  RegistryEditorTest() { std::filesystem::create_directories(file_.parent_path()); }
  ~RegistryEditorTest() override {
    editor_.reset();
    work_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void start(const std::string& text = sample) {
    if (!text.empty()) write_file_atomic(file_, text);
    open();
  }
  void open() {
    watch_.emplace(context_.get_executor(), file_, clock_);
    watch_->subscribe([this](const RegistryWatch::StatePtr& state) {
      const std::lock_guard lock{mutex_};
      told_.push_back(state->registry->revision);
    });
    editor_.emplace(*watch_, file_, backups_, clock_, [this] {
      if (before_replace_) before_replace_();
    });
    if (!thread_.joinable()) thread_ = std::thread{[this] { context_.run(); }};
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    return asio::co_spawn(context_, std::move(work), asio::use_future).get();
  }
  EditOutcome edit(EntryEdit edit, EditTerms terms = {}) {
    if (terms.who.empty()) terms.who = "ada";
    return run(editor_->edit(std::move(edit), std::move(terms)));
  }
  Error refused(EntryEdit wanted, EditTerms terms = {}) {
    try {
      edit(std::move(wanted), std::move(terms));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was done";
    return Error{Code::internal, ""};
  }
  [[nodiscard]] std::string on_disk() const { return read_file(file_); }
  [[nodiscard]] std::vector<std::string> names_in_folder() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{file_.parent_path()}) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static EditTerms only_at(std::string revision) {
    EditTerms terms;
    terms.who = "ada";
    terms.if_revision = {std::move(revision)};
    return terms;
  }
  std::string revision_of_wiki() {
    return watch_->snapshot()->registry->find_service("wiki")->revision;
  }

  test::TempFolder folder_{"editor"};
  std::filesystem::path file_ = folder_ / "etc/registry.yml";
  std::filesystem::path backups_ = folder_ / "backups";
  ManualClock clock_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::function<void()> before_replace_;
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::optional<RegistryWatch> watch_;
  std::optional<RegistryEditor> editor_;
  std::thread thread_;
};

const EntryEdit new_port = change_of(Section::services, "wiki", {{"port", number(8090)}});
const std::string with_new_port =
    replaced(sample, "# and no more\n", "# and no more\n    port: 8090\n");

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

TEST_F(RegistryEditorTest, WhoeverSavesAtTheSameMomentLosesNothing) {
  start();
  int saves = 0;
  before_replace_ = [&] {
    if (++saves <= 2)
      write_file_atomic(file_, on_disk() + "# by hand " + std::to_string(saves) + "\n");
  };
  edit(new_port);
  EXPECT_EQ(on_disk(), with_new_port + "# by hand 1\n# by hand 2\n");
  EXPECT_EQ(saves, 3);
  EXPECT_EQ(run(editor_->history()).size(), 1U);
}

/// A program that copies in pieces (scp, rsync --inplace) would go on in a file that is replaced.
TEST_F(RegistryEditorTest, ASaveInSeveralStepsIsWaitedFor) {
  start();
  std::string longer = sample;
  for (int i = 0; i < 40; ++i) {
    longer += "  s" + std::to_string(i) + ": {current_host: den, docker_compose: /s.yml}\n";
  }
  std::atomic<bool> has_begun{false};
  std::thread saver{[&] {
    std::ofstream file{file_, std::ios::trunc};
    for (std::size_t at = 0; at < longer.size(); at += 500) {
      file << longer.substr(at, 500) << std::flush;
      has_begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  }};
  while (!has_begun) std::this_thread::yield();
  edit(new_port);
  saver.join();
  EXPECT_EQ(on_disk(), replaced(longer, "# and no more\n", "# and no more\n    port: 8090\n"));
}

TEST_F(RegistryEditorTest, AFileThatVanishedOrWasEmptiedIsNotBegunAnew) {
  start();
  EntryEdit host;
  host.kind = EntryEdit::Kind::add;
  host.section = Section::hosts;
  host.name = "new";
  host.fields = {{"ip", FieldValue::of_text("c")}};
  for (const auto* text : {"", "\n", "# mine\n", "hosts: [\n"}) {
    write_file_atomic(file_, text);
    EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN") << text;
    EXPECT_EQ(on_disk(), text);
  }
  std::filesystem::remove(file_);
  EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN");
  EXPECT_FALSE(std::filesystem::exists(file_));
  write_file_atomic(file_, sample.substr(0, sample.size() - 4));
  EXPECT_EQ(refused(host).reason(), "REGISTRY_BROKEN") << "it ends inside a line";
}

/// What is shorter by the end of a line looks like a save that is not over.
TEST_F(RegistryEditorTest, AnEditOfALastLineWithoutItsEndIsInForce) {
  start("services:\n  wiki:\n    docker_compose: /wiki.yml\n    port: 8090");
  const auto outcome = edit(change_of(Section::services, "wiki", {{"port", number(809)}}));
  EXPECT_EQ(watch_->snapshot()->registry->find_service("wiki")->port, 809);
  EXPECT_EQ(watch_->snapshot()->registry->revision, outcome.revision);
  EXPECT_EQ(on_disk(), "services:\n  wiki:\n    docker_compose: /wiki.yml\n    port: 809\n");
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

TEST_F(RegistryEditorTest, ALockOfAnotherProcessHoldsUpNoReaderAndNoEnd) {
  start();
  const Descriptor lock{
      ::open((file_.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EditTerms terms;
  terms.who = "ada";
  std::vector<std::future<EditOutcome>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(asio::co_spawn(context_, editor_->edit(new_port, terms), asio::use_future));
  }
  EXPECT_EQ(run(editor_->text()).text, sample);
  EXPECT_EQ(waiting[0].wait_for(std::chrono::seconds{0}), std::future_status::timeout)
      << "who reads has waited for who writes";
  editor_->stop();
  for (auto& one : waiting) {
    try {
      one.get();
      ADD_FAILURE() << "it was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), "STOPPING");
    }
  }
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

TEST_F(RegistryEditorTest, AnotherProcessIsWaitedFor) {
  start();
  const auto lock = file_.string() + ".lock";
  Descriptor held{::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  auto work = editor_->edit(new_port, {"ada", {}, false});
  auto edited = asio::co_spawn(context_, std::move(work), asio::use_future);
  EXPECT_EQ(edited.wait_for(std::chrono::milliseconds{200}), std::future_status::timeout);
  EXPECT_EQ(on_disk(), sample);
  held = Descriptor{};
  edited.get();
  EXPECT_EQ(on_disk(), with_new_port);
}

TEST_F(RegistryEditorTest, ALockThatIsNeverGivenBackIsAnError) {
  start();
  const auto lock = file_.string() + ".lock";
  const Descriptor held{::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
  EXPECT_EQ(refused(new_port).reason(), "REGISTRY_LOCKED");
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AFolderThatMayNotBeWrittenIsAClearError) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  start();
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto error = refused(new_port);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(error.reason(), "REGISTRY_NOT_WRITABLE") << error.message();
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_FALSE(error.hint().empty());
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AReplacementThatFailsLeavesTheFileAndNoTrace) {
  start();
  // A folder in the place of the file: it can be neither exchanged nor renamed over unseen.
  before_replace_ = [&] {
    before_replace_ = {};
    std::filesystem::rename(file_, file_.string() + ".kept");
    std::filesystem::create_directory(file_);
  };
  EXPECT_EQ(refused(new_port).reason(), "REGISTRY_BROKEN");
  EXPECT_EQ(read_file(file_.string() + ".kept"), sample);
  EXPECT_THAT(names_in_folder(),
              ElementsAre("registry.yml", "registry.yml.kept", "registry.yml.lock"));
  EXPECT_TRUE(run(editor_->history()).empty());
}

TEST_F(RegistryEditorTest, AFullDiskOfTheRegistryChangesNothing) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to mount a small disk";
  const test::SmallDisk disk{folder_ / "small"};
  file_ = disk.path() / "registry.yml";
  start();
  edit(change_of(Section::services, "store", {{"port", number(1)}}));
  const auto before = on_disk();
  disk.fill();
  const auto error = refused(new_port);
  EXPECT_EQ(error.reason(), "DISK_FULL") << error.message();
  EXPECT_EQ(on_disk(), before);
  EXPECT_EQ(run(editor_->history()).size(), 1U);
  disk.make_room();
  edit(new_port);
  EXPECT_NE(on_disk(), before);
}

TEST_F(RegistryEditorTest, AFullDiskOfTheBackupsChangesNothing) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root, to mount a small disk";
  const test::SmallDisk disk{folder_ / "small"};
  backups_ = disk.path() / "backups";
  start();
  disk.fill();
  EXPECT_EQ(refused(new_port).reason(), "DISK_FULL");
  EXPECT_EQ(on_disk(), sample);
}

TEST_F(RegistryEditorTest, AFileThatMayNotGrowStaysAsItIs) {
  start();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto limited = before;
  limited.rlim_cur = 16;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  const auto error = refused(new_port);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(error.message().empty());
  EXPECT_EQ(on_disk(), sample);
  EXPECT_THAT(names_in_folder(), ElementsAre("registry.yml", "registry.yml.lock"));
}

TEST_F(RegistryEditorTest, WhatAKilledWriterLeftIsTakenAway) {
  start();
  write_file_atomic(file_.parent_path() / ".registry.yml.0123456789ab", "hosts: {");
  write_file_atomic(file_.parent_path() / ".registry.yml.swp", "an editor's");
  edit(new_port);
  EXPECT_THAT(names_in_folder(),
              ElementsAre(".registry.yml.swp", "registry.yml", "registry.yml.lock"));
}

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
