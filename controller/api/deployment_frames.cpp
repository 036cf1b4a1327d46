#include "controller/api/deployment_frames.h"

#include "common/describe_json.h"
#include "common/json_members.h"
#include "controller/history/history.h"
#include "controller/jobs/story_order.h"

#include <memory>
#include <utility>

namespace portoser::api {
namespace {

StoryFrame made(
    const storage::JobRecord& job, Json content, std::int64_t seq, Time time, FrameKind kind) {
  content["deployment_id"] = deployment_id_of(job);
  content["job_id"] = job.id;
  content["seq"] = seq;
  content["timestamp"] = to_rfc3339(time);
  return {seq, {kind, std::make_shared<const std::string>(dump(content))}};
}

}  // namespace

std::string deployment_id_of(const storage::JobRecord& job) {
  return job.service.empty() ? job.id : history::History::id_of(job);
}

StoryFrame frame_of_event(const storage::JobRecord& job, const storage::JobEvent& event) {
  auto content = parsed_or_null(event.frame);
  if (!content.is_object()) content = Json::object();
  return made(job, std::move(content), jobs::sequence_of(event), event.time, FrameKind::other);
}

StoryFrame frame_of_line(const storage::JobRecord& job,
                         const storage::JobLogLine& line,
                         std::int64_t events_before) {
  Json content{{"type", "deployment_log"}, {"message", line.text}, {"step", line.step}};
  const auto seq = jobs::sequence_of(line, events_before);
  return made(job, std::move(content), seq, line.time, FrameKind::log);
}

StoryFrame frame_of_end(const storage::JobRecord& job) {
  const bool succeeded = job.state == "succeeded";
  Json content{{"type", succeeded ? "deployment_completed" : "deployment_failed"},
               {"service", job.service},
               {"state", job.state}};
  if (!succeeded) {
    content["error"] = job.error_message.empty() ? job.state : job.error_message;
    content["reason"] = job.error_reason;
  }
  const auto seq = jobs::sequence_of_end(job);
  // Nothing is told behind it, so there is no silence to keep.
  return made(
      job, std::move(content), seq, job.finished_at.value_or(job.created_at), FrameKind::other);
}

std::vector<StoryFrame> frames_of(const jobs::Story& story) {
  std::vector<StoryFrame> frames;
  auto event = story.events.begin();
  std::int64_t events_before = 0;
  const auto tell_events_until = [&](std::int64_t line) {
    for (; event != story.events.end() && event->line <= line; ++event) {
      frames.push_back(frame_of_event(story.job, *event));
      events_before = event->number + 1;
    }
  };
  for (const auto& line : story.lines) {
    tell_events_until(line.number);
    frames.push_back(frame_of_line(story.job, line, events_before));
  }
  if (!story.events.empty()) tell_events_until(story.events.back().line);
  if (story.job.finished_at) frames.push_back(frame_of_end(story.job));
  return frames;
}

}  // namespace portoser::api
