/// Two hosts' agents and the controller between them, as far as streams go: whoever connects says
/// an id, and two with the same id hear each other.
#pragma once

#include "common/file.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace portoser::agent::transfer {

class Relay {
 public:
  explicit Relay(std::filesystem::path socket);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] const std::filesystem::path& socket() const { return socket_; }
  /// The stream that is under way when so many bytes have passed is broken; later ones are not.
  void cut_after(std::int64_t bytes) { left_ = bytes; }
  [[nodiscard]] std::int64_t passed() const { return passed_; }
  [[nodiscard]] std::vector<std::string> streams();  ///< that both sides opened, in their order

 private:
  struct Joined {
    Descriptor first;
    Descriptor second;
  };

  void accept_all();
  void join(const std::string& id, Descriptor connection);
  void copy(int from, int to);

  std::filesystem::path socket_;
  Descriptor listener_;
  std::atomic<std::int64_t> left_{std::numeric_limits<std::int64_t>::max()};
  std::atomic<std::int64_t> passed_{0};
  std::mutex mutex_;
  std::map<std::string, Descriptor> waiting_;
  std::map<std::string, Joined> joined_;
  std::vector<std::string> order_;
  std::vector<std::thread> copies_;
  std::thread accepting_;
};

}  // namespace portoser::agent::transfer
