#include "controller/http/outbox.h"

#include <algorithm>
#include <utility>

namespace portoser::http {

Outbox::Added Outbox::add(std::string_view key, Text text) {
  const std::lock_guard lock{mutex_};
  if (close_ || is_ended_) return {};
  if (!key.empty()) {
    const auto waiting = std::find_if(
        frames_.begin(), frames_.end(), [key](const Frame& frame) { return frame.key == key; });
    if (waiting != frames_.end()) {
      bytes_ += text->size();
      bytes_ -= waiting->text->size();
      waiting->text = std::move(text);
      return {};
    }
  }
  if (frames_.size() >= frame_limit || (!frames_.empty() && bytes_ + text->size() > byte_limit)) {
    Added lost;
    lost.dropped = frames_.size() + 1;
    frames_.clear();
    bytes_ = 0;
    close_ = CloseReason{1013, "the client is too slow for what is sent to it"};
    lost.wakes_writer = wake();
    return lost;
  }
  bytes_ += text->size();
  frames_.push_back({std::string{key}, std::move(text)});
  Added added;
  added.wakes_writer = wake();
  return added;
}

bool Outbox::close(CloseReason reason) {
  const std::lock_guard lock{mutex_};
  if (close_) return false;
  close_ = std::move(reason);
  return wake();
}

bool Outbox::ping() {
  const std::lock_guard lock{mutex_};
  if (close_) return false;
  wants_ping_ = true;
  return wake();
}

bool Outbox::end() {
  const std::lock_guard lock{mutex_};
  is_ended_ = true;
  frames_.clear();
  return wake();
}

Outbox::Next Outbox::next() {
  const std::lock_guard lock{mutex_};
  Next next;
  if (is_ended_) {
    next.kind = Next::Kind::end;
  } else if (wants_ping_) {
    wants_ping_ = false;
    next.kind = Next::Kind::ping;
  } else if (!frames_.empty()) {
    next.kind = Next::Kind::frame;
    next.text = std::move(frames_.front().text);
    bytes_ -= next.text->size();
    frames_.pop_front();
  } else if (close_) {
    next.kind = Next::Kind::close;
    next.reason = *close_;
  } else {
    is_asleep_ = true;
  }
  return next;
}

}  // namespace portoser::http
