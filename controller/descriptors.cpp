#include "controller/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace portoser {
namespace {

/// The database, the registry, threads, a child process, connections on their way.
constexpr std::size_t own = 128;
/// Beyond this nothing of ours gets faster or safer.
constexpr std::size_t enough = 1U << 20U;

}  // namespace

DescriptorShares share_descriptors(std::size_t limit) {
  limit = std::min(limit, enough);
  DescriptorShares shares;
  shares.web = std::clamp<std::size_t>(limit / 8, 16, 4096);
  shares.join = std::clamp<std::size_t>(limit / 32, 8, 512);
  const auto backlog = std::clamp<std::size_t>(limit / 16, 16, 1024);
  const auto others = shares.web + shares.join + backlog + own;
  shares.wire_backlog = static_cast<int>(backlog);
  // A limit as small as that leaves no choice: rather some agents than none.
  shares.wire_up_to = static_cast<int>(std::max(limit, others + limit / 4) - others);
  return shares;
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, enough));
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  return limit.rlim_cur;
}

}  // namespace portoser
