#include "agent/inspection/move_host.h"

#include "common/child.h"
#include "common/error.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <charconv>
#include <optional>
#include <utility>

namespace portoser::agent::inspection {
namespace {

constexpr auto how_to_get_rsync = "apt-get install rsync";

/// zstd, and times compared to the nanosecond, came with 3.2.
bool is_new_enough(const RsyncVersion& version) {
  return version.major > 3 || (version.major == 3 && version.minor >= 2);
}

}  // namespace

RsyncVersion rsync_version_in(std::string_view output) {
  constexpr std::string_view before = "version ";
  const auto found = output.find(before);
  if (!output.starts_with("rsync") || found == std::string_view::npos) return {};
  auto rest = output.substr(found + before.size());
  if (rest.starts_with('v')) rest.remove_prefix(1);
  RsyncVersion version;
  const auto* end = rest.data() + rest.size();
  const auto major = std::from_chars(rest.data(), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return {};
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  return minor.ec == std::errc{} ? version : RsyncVersion{};
}

asio::awaitable<void> check_rsync(std::string program, Findings& findings) {
  findings.begin("rsync");
  ChildRequest request;
  request.argv = {program, "--version"};
  std::optional<ChildResult> ended;
  std::string why = "this host has no rsync, which copies the data of a move";
  try {
    auto running = run_child(std::move(request));
    ended = co_await std::move(running);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) why = error.message();
  }
  if (ended && (ended->timed_out || ended->exit_code != 0)) {
    why = fmt::format("{} cannot be run here", program);
  } else if (ended) {
    const auto version = rsync_version_in(ended->output);
    if (is_new_enough(version)) co_return;
    why = version.major == 0 ? fmt::format("{} does not say which version it is", program)
                             : fmt::format(
                                   "the rsync of this host is version {}.{}, and a move "
                                   "needs 3.2 or later",
                                   version.major,
                                   version.minor);
  }
  findings.error("RSYNC_MISSING", program, why, how_to_get_rsync);
}

std::string machine_name() {
  struct utsname names {};
  return ::uname(&names) == 0 ? std::string{names.machine} : std::string{};
}

}  // namespace portoser::agent::inspection
