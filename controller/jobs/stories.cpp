// What jobs told, read again.
#include "common/log.h"
#include "controller/jobs/jobs.h"

#include <utility>

namespace portoser::jobs {

asio::awaitable<std::vector<storage::JobLogLine>> Jobs::log(std::string id,
                                                            std::int64_t offset,
                                                            std::int64_t limit) {
  co_await find(id);
  std::shared_ptr<Run> run;
  if (const auto found = running_.find(id); found != running_.end()) run = found->second.run;
  for (const auto& ended : ended_) {
    if (ended->record().id == id) run = ended;
  }
  if (run) {
    try {
      co_await run->flush();
    } catch (const Error& error) {
      // What is stored can be read all the same.
      log::warn("jobs", "log lines of a job wait for the database", {{"reason", error.what()}});
    }
  }
  co_return co_await store_.log(std::move(id), offset, limit);
}

asio::awaitable<Story> Jobs::story(std::string id) {
  Story story;
  story.job = co_await find(id);
  auto reading = log(id, 0, 2 * storage::JobStore::kept_log_lines);
  story.lines = co_await std::move(reading);
  story.events = co_await store_.events(id);
  if (story.job.finished_at) {
    // Its counts are those of what the flush has written since.
    story.job = co_await find(id);
    co_return story;
  }
  // What came behind the last line that was read is not whole.
  const auto next = story.lines.empty() ? 0 : story.lines.back().number + 1;
  while (!story.events.empty() && story.events.back().line > next) story.events.pop_back();
  co_return story;
}

}  // namespace portoser::jobs
