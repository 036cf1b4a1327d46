#include "agent/link/flusher.h"

#include "common/log.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::link {

Flusher::Flusher(std::function<void(std::int64_t)> reserve)
    : write_reservation_(std::move(reserve)), thread_([this] { work(); }) {}

Flusher::~Flusher() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Flusher::flush(std::int64_t segment, int file) {
  {
    const std::lock_guard lock{mutex_};
    auto& requests = waiting_.requests;
    if (!requests.empty() && requests.back().segment == segment) return;
    requests.push_back({segment, Descriptor{::fcntl(file, F_DUPFD_CLOEXEC, 0)}});
  }
  changed_.notify_one();
}

void Flusher::reserve(std::int64_t up_to) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.reservation = up_to;
  }
  changed_.notify_one();
}

void Flusher::tell(std::promise<bool> done) {
  {
    const std::lock_guard lock{mutex_};
    waiting_.told.push_back(std::move(done));
  }
  changed_.notify_one();
}

void Flusher::work() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [&] { return stopping_ || !waiting_.is_empty(); });
      batch = std::exchange(waiting_, Batch{});
      if (batch.is_empty()) return;
      const auto failed = std::exchange(failed_reservation_, std::nullopt);
      if (!batch.reservation) batch.reservation = failed;
    }
    flush_files(batch);
    write_reservation(batch);
    for (auto& done : batch.told) done.set_value(!has_failed_);
  }
}

void Flusher::flush_files(const Batch& batch) {
  for (const auto& request : batch.requests) {
    if (::fdatasync(request.file.get()) != 0) {
      log::warn("link", "spool not flushed", {{"reason", std::strerror(errno)}});
      has_failed_ = true;
    }
  }
}

void Flusher::write_reservation(const Batch& batch) {
  if (!batch.reservation) return;
  try {
    write_reservation_(*batch.reservation);
  } catch (const std::exception& error) {
    log::warn("link", "spool's sequence not reserved", {{"reason", error.what()}});
    // With the next flush, unless more is asked for by then.
    const std::lock_guard lock{mutex_};
    if (!waiting_.reservation) failed_reservation_ = batch.reservation;
  }
}

}  // namespace portoser::agent::link
