/// What a job told, as frames of the socket of its deployment: the same whether it tells it now or
/// has told it long ago.
#pragma once

#include "controller/api/paced_frames.h"
#include "controller/jobs/jobs.h"

#include <cstdint>
#include <string>
#include <vector>

namespace portoser::api {

struct StoryFrame {
  std::int64_t seq = 0;
  Frame frame;
};

/// Of a job about a service the id in the history, also where it has no record there; else its own.
std::string deployment_id_of(const storage::JobRecord& job);

StoryFrame frame_of_event(const storage::JobRecord& job, const storage::JobEvent& event);
/// `events_before`: number of the first event that came after the line.
StoryFrame frame_of_line(const storage::JobRecord& job,
                         const storage::JobLogLine& line,
                         std::int64_t events_before);
/// deployment_completed, or deployment_failed with its error.
StoryFrame frame_of_end(const storage::JobRecord& job);

/// All of them, in their order.
std::vector<StoryFrame> frames_of(const jobs::Story& story);

}  // namespace portoser::api
