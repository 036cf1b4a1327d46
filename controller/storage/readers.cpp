#include "controller/storage/readers.h"

#include "controller/storage/connection.h"

#include <utility>

namespace portoser::storage {

Readers::Readers(const std::filesystem::path& path, std::size_t threads, std::size_t queue_limit)
    : queue_(queue_limit) {
  // All connections first: one that cannot be opened must not leave a thread behind.
  for (std::size_t i = 0; i < threads; ++i) {
    connections_.push_back(std::make_unique<Connection>(path, Connection::Mode::read));
  }
  for (auto& connection : connections_) {
    threads_.emplace_back([this, &own = *connection] { work(own); });
  }
}

Readers::~Readers() {
  queue_.close();
  for (auto& thread : threads_) {
    thread.join();
  }
}

void Readers::work(Connection& connection) {
  while (auto item = queue_.take_one()) {
    std::exception_ptr failure;
    ++busy_;
    try {
      item->work(connection);
    } catch (...) {
      failure = as_error(std::current_exception(), connection.path());
    }
    --busy_;
    item->done(std::move(failure));
  }
}

}  // namespace portoser::storage
