/// The witness of "never two writers": looks at the processes of the machine, whose kernel all test
/// hosts share, again and again. It asks no engine and no agent, so it sees what runs while those
/// are frozen, killed or wrong. Needs root.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

/// A process of the ledger (ledger_writer.cpp) that lives.
struct LivingWriter {
  pid_t pid = 0;
  std::string began;  ///< as /proc tells it: with the pid it is nobody else
  std::string host;   ///< "h1"
  bool operator==(const LivingWriter&) const = default;
};

/// Those on hosts of this test program, each once.
std::vector<LivingWriter> living_writers();

/// A thread of its own from construction to destruction, which looks every few milliseconds.
/// Methods: any thread.
class WriterWatch {
 public:
  WriterWatch();
  ~WriterWatch();
  WriterWatch(const WriterWatch&) = delete;
  WriterWatch& operator=(const WriterWatch&) = delete;

  /// Two that lived at the same moment: a sentence for each pair.
  [[nodiscard]] std::vector<std::string> violations() const;
  /// How often it has looked; a witness that was asleep has seen nothing.
  [[nodiscard]] std::uint64_t looks() const { return looks_; }
  /// How many writers it has seen in all.
  [[nodiscard]] std::size_t seen() const;

  /// From now on each writer on that host is stopped (SIGSTOP) as soon as it is seen, so that its
  /// health never comes: one that hangs.
  void freeze_on(const std::string& host);
  /// No more, and those that hang go on.
  void freeze_nowhere();

 private:
  void look();
  void note(const std::vector<LivingWriter>& together);

  std::atomic<bool> is_stopping_{false};
  std::atomic<std::uint64_t> looks_{0};
  mutable std::mutex mutex_;           // guards the rest
  std::map<pid_t, std::string> seen_;  ///< when each began
  std::size_t count_ = 0;
  std::string reported_;  ///< the last pair
  std::vector<std::string> violations_;
  std::string frozen_host_;  ///< empty: none
  std::vector<LivingWriter> frozen_;
  std::thread thread_;
};

}  // namespace portoser::test
