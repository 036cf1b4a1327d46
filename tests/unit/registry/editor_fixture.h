/// A registry on the disk, its watch and its editor.
#pragma once

#include "common/file.h"
#include "controller/registry/editor.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/registry/edits.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace portoser::registry {
inline const std::string sample = R"(# mine
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

inline const EntryEdit new_port = change_of(Section::services, "wiki", {{"port", number(8090)}});
inline const std::string with_new_port =
    replaced(sample, "# and no more\n", "# and no more\n    port: 8090\n");

}  // namespace portoser::registry
