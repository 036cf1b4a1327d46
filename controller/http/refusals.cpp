#include "controller/http/refusals.h"

#include "common/log.h"

#include <utility>

namespace portoser::http {
namespace {

void tell(const BasicComplaint<Refusal>& complaint) {
  switch (complaint.trouble) {
    case Refusal::too_many:
      return log::warn("http",
                       "connections were told to come later",
                       {{"count", complaint.count}, {"latest", complaint.latest}});
    case Refusal::accept_failed:
      return log::warn("http",
                       "cannot accept a connection",
                       {{"count", complaint.count}, {"reason", complaint.latest}});
    case Refusal::too_slow:
      // Browsers open connections in advance and leave them: nothing to worry about.
      return log::info("http",
                       "connections that were too slow were ended",
                       {{"count", complaint.count}, {"latest", complaint.latest}});
  }
}

}  // namespace

void Refusals::add(Refusal why, std::string latest) {
  observer_.connection_refused(why);
  const std::lock_guard lock{mutex_};
  if (const auto complaint = complaints_.add(why, std::move(latest), clock_.uptime())) {
    tell(*complaint);
  }
}

void Refusals::tell_due() {
  const std::lock_guard lock{mutex_};
  for (const auto& complaint : complaints_.due(clock_.uptime())) tell(complaint);
}

}  // namespace portoser::http
