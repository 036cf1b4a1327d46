#include "controller/http/outbox.h"

#include <utility>

namespace portoser::http {

Outbox::Added Outbox::add(std::string_view key, Text text) {
  const std::lock_guard lock{mutex_};
  if (close_ || is_ended_) return {};
  Added added;
  if (const auto waiting = values_.find(key); waiting != values_.end()) {
    value_bytes_ += text->size();
    value_bytes_ -= waiting->second->text->size();
    waiting->second->text = std::move(text);
    added.replaced = true;
    return added;
  }
  if (!has_room(key, text->size())) {
    added = drop_all();
    ++added.dropped;
    return added;
  }
  (key.empty() ? event_bytes_ : value_bytes_) += text->size();
  auto& frame = frames_.emplace_back(Frame{std::string{key}, std::move(text)});
  if (!key.empty()) values_.emplace(frame.key, &frame);
  added.wakes_writer = wake();
  return added;
}

bool Outbox::has_room(std::string_view key, std::size_t bytes) const {
  const auto events = frames_.size() - values_.size();
  if (!key.empty()) {
    return values_.size() < value_limit && value_bytes_ + bytes <= value_byte_limit;
  }
  return events < frame_limit && (events == 0 || event_bytes_ + bytes <= byte_limit);
}

bool Outbox::is_drained() const {
  constexpr std::size_t part = 8;
  const std::lock_guard lock{mutex_};
  if (close_ || is_ended_) return true;
  const auto events = frames_.size() - values_.size();
  return events < frame_limit / part && event_bytes_ < byte_limit / part &&
         values_.size() < value_limit / part && value_bytes_ < value_byte_limit / part;
}

Outbox::Added Outbox::give_up() {
  const std::lock_guard lock{mutex_};
  if (close_ || is_ended_) return {};
  return drop_all();
}

Outbox::Added Outbox::drop_all() {
  Added lost;
  lost.dropped = frames_.size();
  clear_frames();
  close_ = CloseReason{1013, "the client is too slow for what is sent to it"};
  lost.wakes_writer = wake();
  return lost;
}

void Outbox::clear_frames() {
  values_.clear();
  frames_.clear();
  event_bytes_ = 0;
  value_bytes_ = 0;
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
  clear_frames();
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
    auto& first = frames_.front();
    next.kind = Next::Kind::frame;
    next.text = std::move(first.text);
    if (first.key.empty()) {
      event_bytes_ -= next.text->size();
    } else {
      value_bytes_ -= next.text->size();
      values_.erase(first.key);
    }
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
