#include "agent/link/outbox.h"

#include "common/error.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>
#include <utility>

namespace portoser::agent::link {

Outbox::Outbox() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_.is_open()) {
    throw Error{Code::internal, std::string{"cannot make an eventfd: "} + std::strerror(errno)};
  }
}

void Outbox::put(protocol::Hello hello) {
  const std::lock_guard lock{mutex_};
  waiting_.hello = std::move(hello);
  wake();
}

void Outbox::put(Ordered message) {
  const std::lock_guard lock{mutex_};
  if (std::holds_alternative<protocol::Progress>(message)) {
    put_progress(std::get<protocol::Progress>(std::move(message)));
  } else if (waiting_.ordered.size() - progress_ >= durable_limit) {
    ++waiting_.dropped_durable;
  } else {
    waiting_.ordered.push_back(std::move(message));
  }
  wake();
}

void Outbox::put(protocol::Answer answer) {
  const std::lock_guard lock{mutex_};
  waiting_.answers.push_back(std::move(answer));
  wake();
}

void Outbox::put_progress(protocol::Progress progress) {
  auto& ordered = waiting_.ordered;
  if (progress_ >= progress_limit) {
    ordered.erase(std::find_if(ordered.begin(), ordered.end(), [](const Ordered& one) {
      return std::holds_alternative<protocol::Progress>(one);
    }));
    --progress_;
    ++waiting_.dropped_progress;
  }
  ordered.emplace_back(std::move(progress));
  ++progress_;
}

void Outbox::put(protocol::State state) {
  const std::lock_guard lock{mutex_};
  waiting_.state = std::move(state);
  wake();
}

void Outbox::put(protocol::Sample sample) {
  const std::lock_guard lock{mutex_};
  if (waiting_.samples.size() >= sample_limit) {
    waiting_.samples.pop_front();
    ++waiting_.dropped_samples;
  }
  waiting_.samples.push_back(std::move(sample));
  wake();
}

void Outbox::put(StreamMessage message) {
  const std::lock_guard lock{mutex_};
  waiting_.streams.push_back(std::move(message));
  wake();
}

void Outbox::put(std::promise<bool> flush) {
  const std::lock_guard lock{mutex_};
  waiting_.flushes.push_back(std::move(flush));
  wake();
}

void Outbox::put_stop() {
  const std::lock_guard lock{mutex_};
  waiting_.stop = true;
  wake();
}

void Outbox::wake() {
  if (is_awake_) return;
  is_awake_ = true;
  const std::uint64_t one = 1;
  // A counter that is full is readable, which is all that is wanted.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

Outbox::Batch Outbox::take() {
  const std::lock_guard lock{mutex_};
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  is_awake_ = false;
  progress_ = 0;
  return std::exchange(waiting_, Batch{});
}

}  // namespace portoser::agent::link
