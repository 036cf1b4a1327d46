/// Who uses the ledger (ledger_writer.cpp) while it is moved about: adds a row every few
/// milliseconds, wherever the ledger answers, and notes what was acknowledged.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace portoser::test {

/// The whole answer to one wish; none: nobody answered it within `limit`.
std::optional<std::string> ask_ledger(const std::string& address,
                                      std::uint16_t port,
                                      const std::string& wish,
                                      std::chrono::milliseconds limit);

/// The numbers of all rows of the ledger that answers there. `Error{unavailable}`: none does.
std::set<std::int64_t> rows_of_ledger(const std::string& address, std::uint16_t port);

/// A thread of its own from construction to destruction. Methods: any thread.
class LedgerClient {
 public:
  /// `addresses`: where the ledger may be. Each number is asked for once.
  LedgerClient(std::vector<std::string> addresses, std::uint16_t port);
  ~LedgerClient();
  LedgerClient(const LedgerClient&) = delete;
  LedgerClient& operator=(const LedgerClient&) = delete;

  /// The numbers that were acknowledged so far, in their order.
  [[nodiscard]] std::vector<std::int64_t> acknowledged() const;
  /// The greatest number that anybody was asked to add.
  [[nodiscard]] std::int64_t newest_asked() const;
  /// Who acknowledged last, and where; empty: nobody yet.
  [[nodiscard]] std::string writer() const;
  [[nodiscard]] std::string address() const;
  /// Writers that acknowledged something after another one had: a sentence for each.
  [[nodiscard]] std::vector<std::string> returned_writers() const;
  /// Waits until a row that is asked for from now on is acknowledged.
  void await_row() const;

  /// The longest time between two acknowledgements since `begin_measuring`.
  void begin_measuring();
  [[nodiscard]] std::chrono::milliseconds longest_gap() const;

 private:
  using Instant = std::chrono::steady_clock::time_point;

  void run();
  bool add_at(const std::string& address);
  void note(std::int64_t number, const std::string& writer, const std::string& address);

  const std::vector<std::string> addresses_;
  const std::uint16_t port_;
  std::atomic<bool> is_stopping_{false};
  mutable std::mutex mutex_;  // guards the rest
  std::int64_t asked_ = 0;
  std::vector<std::int64_t> acknowledged_;
  std::string writer_;
  std::string address_;
  std::set<std::string> earlier_writers_;
  std::vector<std::string> returned_writers_;
  std::optional<Instant> last_;
  std::chrono::milliseconds longest_gap_{0};
  std::thread thread_;
};

}  // namespace portoser::test
