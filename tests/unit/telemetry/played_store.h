/// A store that speaks Prometheus remote write, as one program on loopback sees it: answers each
/// request as it was told to, and keeps what came.
#pragma once

#include "common/file.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace portoser::telemetry {

/// A series as the store sees it.
struct ReceivedSeries {
  std::vector<std::pair<std::string, std::string>> labels;  ///< in their order
  std::vector<std::pair<std::int64_t, double>> samples;

  [[nodiscard]] std::string label(const std::string& name) const;
};

/// Throws what is no request of remote write.
std::vector<ReceivedSeries> read_request(const std::string& body);

class PlayedStore {
 public:
  enum class Manner {
    answer,
    hang,   ///< says nothing until the other side leaves
    leave,  ///< after `body` and nothing else
    drip,   ///< a byte of the body now and then, until the other side leaves
  };
  struct Answer {
    int status = 204;
    std::string headers{};  ///< lines, each with its end
    std::string body{};
    Manner manner = Manner::answer;
  };
  struct Request {
    std::string head;
    std::string body;
    std::chrono::steady_clock::time_point at;
  };

  PlayedStore();
  PlayedStore(const PlayedStore&) = delete;
  PlayedStore& operator=(const PlayedStore&) = delete;
  ~PlayedStore();

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/write";
  }
  /// The status of each request for which no answer waits, by its series. On the store's thread.
  using Judge = std::function<int(const std::vector<ReceivedSeries>&)>;
  void judge_by(Judge judge);
  /// Of the next request, behind those that were given before; then 204 for ever.
  void answer_next(Answer answer);
  [[nodiscard]] std::vector<Request> requests() const;
  /// Values by time of one series, named "family{machine}" or "family{machine,service}"; of the
  /// requests that were answered with 2xx.
  [[nodiscard]] std::map<std::int64_t, double> values(const std::string& family,
                                                      const std::string& machine,
                                                      const std::string& service = {}) const;

 private:
  void serve();
  void serve_one(int connection);
  void answer(int connection, const Answer& answer);

  Descriptor listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::deque<Answer> answers_;
  Judge judge_;
  std::vector<Request> requests_;
  std::vector<std::string> taken_;
  std::thread thread_;
};

}  // namespace portoser::telemetry
