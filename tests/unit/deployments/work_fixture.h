/// The steps with an engine, a compose tool and files of the test's own.
#pragma once

#include "agent/deployments/program/work.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

class FakeEngineCalls : public EngineCalls {
 public:
  void ping() override;
  std::vector<engine::Container> containers() override;
  std::string health_output(const std::string& id) override;
  void stop_container(const std::string& id, std::optional<std::chrono::seconds> grace) override;
  void start_container(const std::string& id) override;
  void rename_container(const std::string& id, const std::string& name) override;
  void remove_container(const std::string& id) override;
  void set_restart_policy(const std::string& id, const std::string& policy) override;
  std::optional<std::string> image_id(const std::string& reference) override;
  void tag_image(const std::string& image,
                 const std::string& repository,
                 const std::string& tag) override;
  void untag_image(const std::string& reference) override;

  void answer() const;  ///< frozen: `Error`

  std::vector<engine::Container> list;
  std::map<std::string, std::string> images;          ///< name with its tag, or id -> id
  std::string check_output = "connection refused\n";  ///< of every container
  std::vector<std::string> stops;                     ///< "w2", "w2 in 1 s": in their order
  std::vector<std::string> policies;                  ///< "w no": as they were set
  std::function<void()> before_look;
  std::function<void(const std::string& id)> on_policy;
  std::function<void(const std::string& name)> on_tag;
  int away = 0;         ///< so many pings fail
  bool frozen = false;  ///< no call gets an answer
  bool stuck = false;   ///< it answers, and can neither stop nor remove
  int busy_starts = 0;  ///< so many starts find their port taken
};

class WorkTest : public testing::Test {
 protected:
  WorkTest();

  int run(const std::string& step);
  /// The reason with which the step fails; empty: it does not.
  std::string reason_of(const std::string& step);

  engine::Container& add(const std::string& id,
                         const std::string& compose_service,
                         const std::string& image_id);
  /// One that takes the place of that one.
  void replace(const std::string& id, const std::string& new_id, const std::string& image_id);
  void ask_for_text(const std::string& text);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::vector<std::string> names() const;
  /// One line a call of compose: the words behind the file.
  [[nodiscard]] std::vector<std::string> calls() const;
  /// `deployment` is kept with what runs now.
  void keep_as(const std::string& deployment);
  static std::string deployment_id(int number);

  test::TempFolder folder{"work"};
  std::filesystem::path file{folder / "notes/compose.yml"};
  Parameters parameters;
  FakeEngineCalls engine;
  KeptDeployments store{folder / "data"};
  std::int64_t clock_us = 1'000'000'000'000;
  std::string boot_id = "boot-1";
  std::function<void()> on_pause;
  FindProcesses find_processes = [](const auto&) { return std::vector<pid_t>{}; };
  AskProbe ask_probe = [](const auto&, auto) {
    ADD_FAILURE() << "nobody wanted to know";
    return ProbeAnswer{};
  };
};

}  // namespace portoser::agent::deployments
