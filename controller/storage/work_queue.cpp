#include "controller/storage/work_queue.h"

#include <utility>

namespace portoser::storage {

WorkQueue::Offered WorkQueue::offer(Item& item) {
  {
    const std::lock_guard lock{mutex_};
    if (closed_) {
      return Offered::closed;
    }
    if (items_.size() >= limit_) {
      return Offered::full;
    }
    items_.push_back(std::move(item));
  }
  filled_.notify_one();
  return Offered::taken;
}

std::deque<Item> WorkQueue::take_all(std::optional<std::chrono::milliseconds> limit) {
  std::unique_lock lock{mutex_};
  const auto is_ready = [this] { return closed_ || !items_.empty(); };
  if (limit) {
    filled_.wait_for(lock, *limit, is_ready);
  } else {
    filled_.wait(lock, is_ready);
  }
  return std::exchange(items_, {});
}

std::optional<Item> WorkQueue::take_one() {
  std::unique_lock lock{mutex_};
  filled_.wait(lock, [this] { return closed_ || !items_.empty(); });
  if (items_.empty()) {
    return std::nullopt;
  }
  auto item = std::move(items_.front());
  items_.pop_front();
  return item;
}

void WorkQueue::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  filled_.notify_all();
}

std::size_t WorkQueue::size() const {
  const std::lock_guard lock{mutex_};
  return items_.size();
}

bool WorkQueue::is_drained() const {
  const std::lock_guard lock{mutex_};
  return closed_ && items_.empty();
}

}  // namespace portoser::storage
