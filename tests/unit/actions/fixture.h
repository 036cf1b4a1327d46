/// Actions with a compose tool, an engine and a folder of the test's own.
#pragma once

#include "agent/actions/actions.h"
#include "common/file.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace portoser::agent::actions {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

class FakeEngine : public EngineControl {
 public:
  asio::awaitable<std::vector<engine::Container>> containers() override;
  asio::awaitable<void> set_restart_policy(std::string id, std::string policy) override;

  std::vector<engine::Container> list;
  std::vector<std::pair<std::string, std::string>> updates;
  std::function<void(int)> before_look;  ///< with the number of the look, from 1
  int looks = 0;
  bool away = false;
};

class FakeUnits : public UnitControl {
 public:
  asio::awaitable<systemd::Unit> unit(std::string name) override;
  asio::awaitable<std::string> systemd_version() override;

  std::map<std::string, systemd::Unit> units;
  std::function<void(int)> before_look;  ///< with the number of the look, from 1
  int looks = 0;
  std::string version = "252.39-1~deb12u2";
  bool away = false;
};

/// A pipe with a name on which a script waits: `read word < "$dir/NAME"`.
class Gate {
 public:
  explicit Gate(const std::filesystem::path& path);
  void open() const;

 private:
  Descriptor pipe_;
};

class ActionsTest : public testing::Test {
 protected:
  ActionsTest();
  ~ActionsTest() override;

  /// Runs the context until the condition holds; a minute later the test fails.
  void await(const std::string& reason, const std::function<bool()>& condition);
  void await_result(std::size_t count = 1);
  template <class T>
  T run(asio::awaitable<T> work) {
    std::optional<detail::Outcome<T>> outcome;
    auto guarded = detail::as_outcome<T>(std::move(work));
    asio::co_spawn(context,
                   std::move(guarded),
                   [&](const std::exception_ptr&, detail::Outcome<T> out) { outcome = out; });
    await("the call ends", [&] { return outcome.has_value(); });
    if (outcome->failure) std::rethrow_exception(outcome->failure);
    if constexpr (!std::is_void_v<T>) return *outcome->value;
  }

  std::unique_ptr<Actions> make_actions();
  void end(std::unique_ptr<Actions>& some);

  /// What the fake tool does when its verb is this one: lines of sh, with the tool's folder in
  /// $dir.
  void script(const std::string& verb, const std::string& lines) const;
  void write_compose_file(const std::string& text = "services: {web: {image: x}}\n") const;
  [[nodiscard]] protocol::ComposeTarget target() const;
  template <class Arguments>
  protocol::Command command(const std::string& id) const {
    Arguments arguments;
    arguments.target = target();
    protocol::Command out;
    out.id = id;
    out.name = Arguments::name;
    out.duration_ms = 60'000;
    out.arguments = protocol::encode_arguments(arguments);
    return out;
  }
  std::string new_id() const { return make_id(); }
  static std::string make_id();

  [[nodiscard]] engine::Container container(const std::string& id) const;

  /// One line a call of the tool, without version questions: its verb and what follows.
  [[nodiscard]] std::vector<std::string> calls() const;
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] pid_t runner_pid(const std::string& id) const;
  /// From a file that a script wrote its pid into; 0: not yet.
  [[nodiscard]] pid_t pid_in(const std::string& name) const;
  static bool alive(pid_t pid);

  TempFolder folder;
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  asio::thread_pool pool{2};
  SystemClock clock;
  FakeEngine engine;
  FakeUnits units;
  ActionSettings settings;
  std::vector<protocol::Progress> progress;
  std::vector<protocol::CommandResult> results;
  std::vector<std::string> windows;  ///< "begin notes compose.up", "end notes ok"
  std::unique_ptr<Actions> actions;
};

}  // namespace portoser::agent::actions
