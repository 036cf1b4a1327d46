#include "agent/actions/native_arguments.h"

#include <charconv>
#include <utility>

namespace portoser::agent::actions {
namespace {

/// The first that knows units which live as long as any process of theirs.
constexpr int version_with_exit_type = 250;

/// systemd puts variables into the arguments of what it runs; here the shell does that.
std::string without_variables(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    out += letter;
    if (letter == '$') out += '$';
  }
  return out;
}

/// A shell that runs the line in a variable. As an argument the line would be found by the `pkill
/// -f` in it, which ends its own shell then.
std::string shell_of(std::string_view variable) {
  return "/bin/sh -c \"eval \\\"$$" + std::string{variable} + "\\\"\"";
}

}  // namespace

runner::Step systemctl_step(const NativeTools& tools,
                            std::string name,
                            const std::string& verb,
                            const std::string& unit) {
  runner::Step step;
  step.name = std::move(name);
  step.argv = {tools.systemctl, "--no-pager", "--no-ask-password", verb, "--", unit};
  return step;
}

runner::Step forget_failure_step(const NativeTools& tools, const std::string& unit) {
  auto step = systemctl_step(tools, "reset", "reset-failed", unit);
  step.may_fail = true;  // nothing to forget
  return step;
}

runner::Step run_step(const NativeTools& tools, const OwnUnit& own) {
  runner::Step step;
  step.name = "start";
  auto& argv = step.argv;
  argv = {tools.systemd_run, "--quiet", "--no-ask-password"};
  argv.push_back("--unit=" + own.unit);
  argv.push_back("--description=Portoser service " + own.service);
  argv.push_back("--uid=" + own.user);
  argv.push_back("--working-directory=" + own.file.working_dir);
  const auto property = [&](const std::string& text) { argv.push_back("--property=" + text); };
  // A command that stays and one that leaves its work to another process and goes: the unit lives
  // as long as any of its processes does.
  property("Type=exec");
  if (own.systemd_version >= version_with_exit_type) property("ExitType=cgroup");
  for (const auto* what : {"CPUAccounting", "MemoryAccounting", "IOAccounting"}) {
    property(std::string{what} + "=yes");
  }
  if (!own.file.env_file.empty()) property("EnvironmentFile=" + own.file.env_file);
  argv.push_back("--setenv=PORTOSER_SERVICE=" + own.service);
  if (!own.file.stop.empty()) {
    argv.push_back("--setenv=PORTOSER_STOP=" + own.file.stop);
    property("ExecStop=" + shell_of("PORTOSER_STOP"));
  }
  if (!own.file.restart.empty()) {
    // Run inside the unit: what it starts belongs to it.
    argv.push_back("--setenv=PORTOSER_RESTART=" + own.file.restart);
    property("ExecReload=" + shell_of("PORTOSER_RESTART"));
  }
  argv.insert(argv.end(), {"--", "/bin/sh", "-c", without_variables(own.file.start)});
  return step;
}

int major_version(std::string_view version) {
  int number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

std::map<std::string, std::string> native_environment() {
  return {{"SYSTEMD_COLORS", "0"}, {"SYSTEMD_PAGER", ""}, {"LC_ALL", "C.UTF-8"}};
}

}  // namespace portoser::agent::actions
