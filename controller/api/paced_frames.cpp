#include "controller/api/paced_frames.h"

#include "common/describe_json.h"

#include <algorithm>

namespace portoser::api {

bool PacedFrames::push(Frame frame) {
  if (waiting_.size() >= limits_.waiting) return false;
  const bool is_log = frame.kind == FrameKind::log;
  waiting_.push_back({std::move(frame), 0});
  if (is_log && ++logs_ > log_lines_waiting) shorten();
  return true;
}

void PacedFrames::shorten() {
  const auto is_log = [](const Waiting& one) { return one.frame.kind == FrameKind::log; };
  // The marker stands behind the first half of what may wait; lines right behind it go into it.
  auto marker = std::find_if(
      waiting_.begin(), waiting_.end(), [](const Waiting& one) { return one.left_out > 0; });
  if (marker == waiting_.end()) {
    std::size_t seen = 0;
    marker = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
      return is_log(one) && ++seen > log_lines_waiting / 2;
    });
    if (marker == waiting_.end()) return;
    marker->left_out = 1;
  } else {
    const auto victim = std::find_if(marker + 1, waiting_.end(), is_log);
    if (victim == waiting_.end() || victim + 1 == waiting_.end()) return;  // never the last line
    ++marker->left_out;
    waiting_.erase(victim);
    --logs_;
  }
  // In place of the first of them, with its ids.
  auto message = Json::parse(*marker->frame.text, nullptr, false);
  if (!message.is_object()) message = Json{{"type", "deployment_log"}};
  message["message"] = "… " + std::to_string(marker->left_out) + " lines";
  marker->frame.text = std::make_shared<const std::string>(dump(message));
}

std::shared_ptr<const std::string> PacedFrames::take(TimePoint now) {
  if (waiting_.empty() || now < not_before_) return nullptr;
  auto first = std::move(waiting_.front());
  waiting_.pop_front();
  if (first.frame.kind == FrameKind::log) --logs_;
  not_before_ = now;
  if (first.frame.kind == FrameKind::completed) {
    not_before_ += silence;
  } else {
    const bool hurries = limits_.may_hurry && waiting_.size() > crowd;
    not_before_ += hurries ? crowded_spacing : spacing;
  }
  return first.frame.text;
}

std::optional<PacedFrames::TimePoint> PacedFrames::next() const {
  if (waiting_.empty()) return std::nullopt;
  return not_before_;
}

}  // namespace portoser::api
