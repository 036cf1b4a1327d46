// A job is cancelled together with its parts.
#include "common/error.h"
#include "controller/jobs/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::jobs {

asio::awaitable<storage::JobRecord> Jobs::cancel(std::string id) {
  const auto found = running_.find(id);
  if (found == running_.end()) {
    const auto record = co_await find(std::move(id));
    throw Error{Code::conflict,
                fmt::format("job {} is over: it has {}", record.id, record.state),
                "path.id"}
        .reason("JOB_FINISHED");
  }
  const auto run = found->second.run;
  auto ids = with_parts(id);
  for (const auto& one : ids) {
    const auto& cancelled = running_.at(one).run;
    cancelled->cancel();
    cancelled->log("cancelling");
  }
  for (auto& one : ids) co_await store_.request_cancel(std::move(one));
  co_return run->record();
}

/// The job, and those under way that it began, or that they began.
std::vector<std::string> Jobs::with_parts(const std::string& id) const {
  std::vector<std::string> ids{id};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto one = ids[i];
    const auto& begun = running_.at(one).run->begun();
    for (const auto& [other, entry] : running_) {
      const bool is_part = entry.run->record().parent == one ||
                           std::find(begun.begin(), begun.end(), other) != begun.end();
      if (is_part && std::find(ids.begin(), ids.end(), other) == ids.end()) ids.push_back(other);
    }
  }
  return ids;
}

}  // namespace portoser::jobs
