// Commands about native services, with tools of systemd that the test plays.
#include "agent/actions/native.h"

#include "agent/actions/native_arguments.h"
#include "common/describe_json.h"
#include "tests/unit/actions/fixture.h"

#include <csignal>
#include <fstream>

namespace portoser::agent::actions {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto own = "portoser-sensor.service";

class NativeTest : public ActionsTest {
 protected:
  NativeTest() {
    end(actions);
    for (const auto* tool : {"systemctl", "systemd-run", "journalctl"}) write_tool(tool, "");
    settings.native.tools = {
        tool_path("systemctl"), tool_path("systemd-run"), tool_path("journalctl")};
    settings.native.settle = std::chrono::milliseconds{20};
    make_folder(folder / "sensor");
    write_file_atomic(folder / "sensor/service.yml", "start: ./run\nstop: pkill -f sensor/run\n");
    units.units["nginx.service"] = unit("nginx.service", "active", "running");
    actions = make_actions();
  }

  [[nodiscard]] std::string tool_path(const std::string& name) const {
    return (folder / ("tool/" + name)).string();
  }
  /// Writes down how it was called, then goes through these lines.
  void write_tool(const std::string& name, const std::string& lines) const {
    write_file_atomic(
        folder / ("tool/" + name),
        "#!/bin/sh\necho \"" + name + " $*\" >> \"$(dirname \"$0\")/calls\"\n" + lines + "\n",
        0755);
  }
  static systemd::Unit unit(const std::string& name,
                            const std::string& active,
                            const std::string& sub) {
    systemd::Unit out;
    out.name = out.id = name;
    out.load_state = "loaded";
    out.active_state = active;
    out.sub_state = sub;
    out.file_state = "enabled";
    out.service_type = "simple";
    out.result = "success";
    out.main_pid = active == "active" ? 4711 : 0;
    return out;
  }
  static systemd::Unit failed(const std::string& name, std::int64_t code) {
    auto out = unit(name, "failed", "failed");
    out.result = "exit-code";
    out.exit_kind = CLD_EXITED;
    out.exit_status = code;
    return out;
  }

  protocol::NativeTarget sensor() const {
    protocol::NativeTarget target;
    target.service = "sensor";
    target.files = {(folder / "sensor/service.yml").string()};
    target.user = "root";
    return target;
  }
  static protocol::NativeTarget nginx() {
    protocol::NativeTarget target;
    target.service = "web";
    target.unit = "nginx";
    return target;
  }
  template <class Arguments>
  protocol::CommandResult carry_out(const protocol::NativeTarget& target) {
    Arguments arguments;
    arguments.target = target;
    protocol::Command command;
    command.id = new_id();
    command.name = Arguments::name;
    command.duration_ms = 60'000;
    command.arguments = protocol::encode_arguments(arguments);
    const auto before = results.size();
    actions->handle(command);
    await_result(before + 1);
    return results.back();
  }
  /// The first words of each call.
  [[nodiscard]] std::vector<std::string> verbs() const {
    std::vector<std::string> out;
    for (const auto& call : calls()) {
      if (call.starts_with("systemd-run")) {
        out.emplace_back("systemd-run");
      } else if (call.starts_with("systemctl")) {
        auto words = call;
        for (const auto* option : {" --no-pager", " --no-ask-password", " --quiet", " --"}) {
          if (const auto at = words.find(option); at != std::string::npos) {
            words.erase(at, std::string_view{option}.size());
          }
        }
        out.push_back(words);
      }
    }
    return out;
  }
  void comes_up_when_started() {
    units.before_look = [this](int) {
      for (const auto& call : calls()) {
        if (call.starts_with("systemd-run")) units.units[own] = unit(own, "active", "running");
      }
    };
  }
  [[nodiscard]] std::string notes() const {
    const auto file = settings.data_folder / "native-services.json";
    return std::filesystem::exists(file) ? read_file(file) : "";
  }
};

TEST_F(NativeTest, AUnitIsStartedByItsName) {
  const auto result = carry_out<protocol::NativeStart>(nginx());
  EXPECT_TRUE(result.succeeded) << result.message;
  EXPECT_THAT(verbs(), ElementsAre("systemctl start nginx.service"));
  EXPECT_THAT(windows, ElementsAre("begin web native.start", "end web ok"));
}

TEST_F(NativeTest, AUnitThatIsNotThereIsSaid) {
  auto target = nginx();
  target.unit = "nginy.service";
  const auto result = carry_out<protocol::NativeStart>(target);
  EXPECT_EQ(result.reason, "UNIT_MISSING");
  EXPECT_THAT(verbs(), IsEmpty());
}

TEST_F(NativeTest, WithoutSystemdNothingIsRunAndTheReasonIsClear) {
  units.away = true;
  for (const auto& target : {nginx(), sensor()}) {
    const auto result = carry_out<protocol::NativeRestart>(target);
    EXPECT_EQ(result.reason, "SYSTEMD_MISSING");
    EXPECT_EQ(result.code, "unavailable");
  }
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(NativeTest, ANameThatSystemdWouldTakeForSomethingElseReachesNoTool) {
  for (const auto* bad : {"--now", "a b", "../x", "x;y", ""}) {
    auto target = nginx();
    target.unit = bad;
    target.service = *bad == '\0' ? "agent" : "web";  // our own program's unit
    EXPECT_EQ(carry_out<protocol::NativeStop>(target).reason, "SERVICE_MISCONFIGURED") << bad;
  }
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(NativeTest, AServiceOfAFileBecomesAUnitOfItsOwn) {
  comes_up_when_started();
  const auto result = carry_out<protocol::NativeStart>(sensor());
  EXPECT_TRUE(result.succeeded) << result.message;
  EXPECT_THAT(verbs(), ElementsAre(std::string{"systemctl reset-failed "} + own, "systemd-run"));
  EXPECT_THAT(calls().back(), HasSubstr("--unit=portoser-sensor.service"));
  EXPECT_THAT(calls().back(), HasSubstr("--uid=root"));
  EXPECT_THAT(calls().back(), HasSubstr("-- /bin/sh -c ./run"));
}

TEST_F(NativeTest, OneThatRunsAlreadyIsLeftAlone) {
  units.units[own] = unit(own, "active", "running");
  EXPECT_TRUE(carry_out<protocol::NativeStart>(sensor()).succeeded);
  EXPECT_THAT(verbs(), ElementsAre(std::string{"systemctl start "} + own));
}

TEST_F(NativeTest, WhatCannotBeStartedIsNotStopped) {
  units.units[own] = unit(own, "active", "running");
  write_file_atomic(folder / "sensor/service.yml", "stop: ./end\n");
  EXPECT_EQ(carry_out<protocol::NativeRestart>(sensor()).reason, "SERVICE_FILE_INVALID");
  auto target = sensor();
  target.user = "no-such-user-here";
  EXPECT_EQ(carry_out<protocol::NativeRestart>(target).reason, "SERVICE_USER_MISSING");
  target.user.clear();
  EXPECT_EQ(carry_out<protocol::NativeRestart>(target).reason, "SERVICE_USER_MISSING");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(NativeTest, ARestartReadsTheFileAnew) {
  units.units[own] = unit(own, "active", "running");
  write_file_atomic(folder / "sensor/service.yml", "start: ./other\n");
  EXPECT_TRUE(carry_out<protocol::NativeRestart>(sensor()).succeeded);
  EXPECT_THAT(verbs(),
              ElementsAre(std::string{"systemctl stop "} + own,
                          std::string{"systemctl reset-failed "} + own,
                          "systemd-run"));
  EXPECT_THAT(calls().back(), HasSubstr("-c ./other"));
}

TEST_F(NativeTest, ARestartCommandOfTheFileIsRunInsideTheUnit) {
  units.units[own] = unit(own, "active", "running");
  units.units[own].can_reload = true;
  write_file_atomic(folder / "sensor/service.yml", "start: ./run\nrestart: ./again\n");
  EXPECT_TRUE(carry_out<protocol::NativeRestart>(sensor()).succeeded);
  EXPECT_THAT(verbs(), ElementsAre(std::string{"systemctl reload "} + own));
}

TEST_F(NativeTest, OneThatEndsAtOnceIsAnErrorWithItsLastWords) {
  write_tool("journalctl", "echo cannot open the sensor");
  units.before_look = [this](int) {
    for (const auto& call : calls()) {
      if (call.starts_with("systemd-run")) units.units[own] = failed(own, 3);
    }
  };
  const auto result = carry_out<protocol::NativeStart>(sensor());
  EXPECT_FALSE(result.succeeded);
  EXPECT_EQ(result.reason, "SERVICE_EXITED");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.last_lines, Contains("cannot open the sensor"));
}

TEST_F(NativeTest, OneThatIsGoneBeforeSystemdLooksIsTheSameError) {
  write_tool("systemd-run", "exit 1");
  write_tool("systemctl", "echo 'Failed to reset failed state of unit x: not loaded.' >&2; exit 1");
  write_tool("journalctl", "echo cannot open the sensor");
  const auto result = carry_out<protocol::NativeStart>(sensor());
  EXPECT_EQ(result.reason, "SERVICE_EXITED");
  EXPECT_THAT(result.last_lines, Contains("cannot open the sensor"));
}

TEST_F(NativeTest, ACommandThatLeavesNothingRunningIsAnError) {
  const auto result = carry_out<protocol::NativeStart>(sensor());
  EXPECT_EQ(result.reason, "SERVICE_EXITED");
}

TEST_F(NativeTest, AUnitThatIsDoneWellIsNone) {
  units.units["nginx.service"] = unit("nginx.service", "inactive", "dead");
  EXPECT_TRUE(carry_out<protocol::NativeStart>(nginx()).succeeded);
}

TEST_F(NativeTest, AFailedStepBringsTheUnitsOwnWords) {
  write_tool("systemctl", "echo 'Job for nginx.service failed.'; exit 1");
  write_tool("journalctl", "echo 'no such certificate'");
  const auto result = carry_out<protocol::NativeStart>(nginx());
  EXPECT_EQ(result.reason, "ACTION_FAILED");
  EXPECT_EQ(result.failed_step, "start");
  EXPECT_THAT(result.message, HasSubstr("Job for nginx.service failed."));
  EXPECT_THAT(result.last_lines,
              ElementsAre("Job for nginx.service failed.", "no such certificate"));
}

TEST_F(NativeTest, AStopTakesTheStartAtBootAwayAndAStartGivesItBack) {
  write_tool("systemctl", "");
  EXPECT_TRUE(carry_out<protocol::NativeStop>(nginx()).succeeded);
  EXPECT_THAT(verbs(),
              ElementsAre("systemctl stop nginx.service", "systemctl disable nginx.service"));
  EXPECT_THAT(notes(), HasSubstr("nginx.service"));
  units.units["nginx.service"].file_state = "disabled";
  EXPECT_TRUE(carry_out<protocol::NativeStart>(nginx()).succeeded);
  EXPECT_THAT(verbs(), Contains("systemctl enable nginx.service"));
  EXPECT_THAT(notes(), Not(HasSubstr("nginx.service")));
}

TEST_F(NativeTest, OneThatWasNeverStartedAtBootIsLeftSo) {
  units.units["nginx.service"].file_state = "disabled";
  EXPECT_TRUE(carry_out<protocol::NativeStop>(nginx()).succeeded);
  EXPECT_TRUE(carry_out<protocol::NativeStart>(nginx()).succeeded);
  EXPECT_THAT(verbs(),
              ElementsAre("systemctl stop nginx.service", "systemctl start nginx.service"));
}

TEST_F(NativeTest, ACrashBetweenNoteAndDisableIsPutRightByTheNextAgent) {
  write_tool("systemctl", "case \"$*\" in *disable*) exit 1;; esac");
  EXPECT_FALSE(carry_out<protocol::NativeStop>(nginx()).succeeded);
  write_tool("systemctl", "");
  units.units["nginx.service"].active_state = "inactive";
  end(actions);
  actions = make_actions();
  run(actions->resume_native_services({}));
  EXPECT_EQ(verbs().back(), "systemctl disable nginx.service");
}

TEST_F(NativeTest, AfterABootWhatRanIsStartedAgainOnce) {
  comes_up_when_started();
  EXPECT_TRUE(carry_out<protocol::NativeStart>(sensor()).succeeded);
  end(actions);
  const auto before = verbs().size();
  // The same boot: whoever stopped it since meant it.
  actions = make_actions();
  units.before_look = nullptr;
  units.units.erase(own);
  run(actions->resume_native_services({own}));
  EXPECT_EQ(verbs().size(), before);
  end(actions);
  settings.boot_id = "boot-2";
  actions = make_actions();
  run(actions->resume_native_services({}));  // not here any more
  EXPECT_EQ(verbs().size(), before);
  run(actions->resume_native_services({own}));
  EXPECT_EQ(verbs().back(), "systemd-run");
  const auto after = verbs().size();
  run(actions->resume_native_services({own}));
  EXPECT_EQ(verbs().size(), after);
}

TEST_F(NativeTest, WhatWasStoppedStaysStoppedAfterABoot) {
  comes_up_when_started();
  EXPECT_TRUE(carry_out<protocol::NativeStart>(sensor()).succeeded);
  EXPECT_TRUE(carry_out<protocol::NativeStop>(sensor()).succeeded);
  const auto before = verbs().size();
  end(actions);
  settings.boot_id = "boot-2";
  actions = make_actions();
  run(actions->resume_native_services({own}));
  EXPECT_EQ(verbs().size(), before);
}

TEST(NativeArguments, VariablesAreTheShellsAndALineIsNoArgumentOfItsOwnShell) {
  OwnUnit unit;
  unit.service = "sensor";
  unit.unit = own;
  unit.user = "ada";
  unit.file.start = "exec ./run --home $HOME";
  unit.file.stop = "pkill -f sensor/app.py; rm -f pid";
  unit.file.working_dir = "/srv/sensor";
  unit.file.env_file = "/srv/sensor/.env";
  unit.systemd_version = 252;
  const auto argv = run_step({}, unit).argv;
  EXPECT_THAT(argv, Contains("--property=ExitType=cgroup"));
  EXPECT_THAT(argv, Contains("--property=EnvironmentFile=/srv/sensor/.env"));
  EXPECT_THAT(argv, Contains("--working-directory=/srv/sensor"));
  EXPECT_THAT(argv, Contains("--setenv=PORTOSER_STOP=pkill -f sensor/app.py; rm -f pid"));
  EXPECT_THAT(argv, Contains(R"(--property=ExecStop=/bin/sh -c "eval \"$$PORTOSER_STOP\"")"));
  EXPECT_EQ(argv.back(), "exec ./run --home $$HOME");
  unit.systemd_version = 247;
  EXPECT_THAT(run_step({}, unit).argv, Not(Contains("--property=ExitType=cgroup")));
}

TEST(NativeArguments, TheVersionOfSystemdIsItsFirstNumber) {
  EXPECT_EQ(major_version("252.39-1~deb12u2"), 252);
  EXPECT_EQ(major_version("v257"), 0);
  EXPECT_EQ(major_version(""), 0);
}

}  // namespace
}  // namespace portoser::agent::actions
