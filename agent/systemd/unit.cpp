#include "agent/systemd/unit.h"

#include "common/error.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace portoser::agent::systemd {
namespace {

constexpr std::string_view own_prefix = "portoser-";
constexpr std::size_t longest_name = 255;

bool is_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') ||
         std::string_view{":-_.\\@"}.find(letter) != std::string_view::npos;
}

bool has_kind(std::string_view name) {
  constexpr auto kinds = std::to_array<std::string_view>({".service",
                                                          ".socket",
                                                          ".target",
                                                          ".timer",
                                                          ".path",
                                                          ".mount",
                                                          ".automount",
                                                          ".swap",
                                                          ".slice",
                                                          ".scope"});
  return std::any_of(
      kinds.begin(), kinds.end(), [&](std::string_view kind) { return name.ends_with(kind); });
}

void take(std::string& member, const Properties& properties, const std::string& key) {
  if (properties.contains(key)) member = text_of(properties, key);
}
void take(bool& member, const Properties& properties, const std::string& key) {
  if (properties.contains(key)) member = number_of(properties, key) != 0;
}
void take(std::int64_t& member, const Properties& properties, const std::string& key) {
  if (properties.contains(key)) member = number_of(properties, key);
}

}  // namespace

void Unit::apply(const Properties& properties) {
  take(id, properties, "Id");
  take(load_state, properties, "LoadState");
  take(active_state, properties, "ActiveState");
  take(sub_state, properties, "SubState");
  take(file_state, properties, "UnitFileState");
  take(result, properties, "Result");
  take(restart, properties, "Restart");
  take(service_type, properties, "Type");
  take(control_group, properties, "ControlGroup");
  take(job, properties, "Job");
  take(main_pid, properties, "MainPID");
  take(exit_kind, properties, "ExecMainCode");
  take(exit_status, properties, "ExecMainStatus");
  take(restarts, properties, "NRestarts");
  take(active_enter_us, properties, "ActiveEnterTimestamp");
  take(active_exit_us, properties, "ActiveExitTimestamp");
  take(main_exit_us, properties, "ExecMainExitTimestamp");
  take(state_change_us, properties, "StateChangeTimestamp");
  take(remains, properties, "RemainAfterExit");
  take(can_reload, properties, "CanReload");
  const auto found = properties.find("InvocationID");
  if (found == properties.end()) return;
  if (const auto* bytes = std::get_if<std::string>(&found->second)) invocation = to_hex(*bytes);
}

bool Unit::has_lost_main() const {
  const bool has_ended_badly =
      main_pid == 0 && exit_kind != 0 && !result.empty() && result != "success";
  return has_ended_badly && (active_state != "active" || main_exit_us >= state_change_us);
}

bool Unit::is_up() const {
  const bool runs =
      active_state == "active" || active_state == "reloading" || active_state == "deactivating";
  return runs && !has_lost_main();
}

std::int64_t Unit::exit_code() const {
  const bool by_signal = exit_kind == CLD_KILLED || exit_kind == CLD_DUMPED;
  return by_signal ? 128 + exit_status : exit_status;
}

std::string unit_name(std::string_view service, std::string_view unit) {
  if (unit.empty() && (service == "agent" || service == "controller")) {
    throw Error{Code::invalid, fmt::format("{}{}.service is Portoser's own", own_prefix, service)}
        .reason("SERVICE_MISCONFIGURED")
        .hint("give the service another name, or name its unit");
  }
  auto name = unit.empty() ? fmt::format("{}{}.service", own_prefix, service) : std::string{unit};
  if (!has_kind(name)) name += ".service";
  const bool is_good = name.size() <= longest_name && !name.starts_with('-') &&
                       !name.starts_with('.') && !name.starts_with('@') &&
                       std::all_of(name.begin(), name.end(), is_letter);
  if (!is_good) {
    throw Error{Code::invalid, fmt::format("\"{}\" cannot be the name of a systemd unit", name)}
        .reason("SERVICE_MISCONFIGURED")
        .hint("letters, digits and any of :-_.\\@");
  }
  return name;
}

bool is_own_unit(std::string_view name) {
  return name.starts_with(own_prefix);
}

}  // namespace portoser::agent::systemd
