/// One request to a store that speaks Prometheus remote write 1.0, and what its answer means.
/// Blocking; one thread at a time.
#pragma once

#include "common/fetch.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace portoser::telemetry {

struct RemoteWriteTarget {
  std::string url;                             ///< empty: samples are not sent anywhere
  std::map<std::string, std::string> headers;  ///< beside those of the protocol; may be secret
  std::filesystem::path bearer_token_file;     ///< read for each request: it may change
  std::string user;                            ///< for basic authentication
  std::filesystem::path password_file;         ///< read for each request
  std::filesystem::path ca_file;
  std::chrono::seconds timeout{30};
};

struct SendOutcome {
  enum class Kind {
    taken,
    refused,  ///< this request will never be taken
    failed,   ///< it may be taken later
  };
  Kind kind = Kind::failed;
  int status = 0;                       ///< of the answer; 0: there was none
  std::string reason;                   ///< for a person; empty when it was taken
  std::chrono::seconds retry_after{0};  ///< at least; 0: the store does not say
};

/// What an answer means. A success is any 2xx. 4xx says that the request is wrong and is refused,
/// except for those that say who we are (401, 403, 407), where we ask (404, 405) or when (408, 425,
/// 429): people mend that, and the samples wait.
SendOutcome::Kind meaning_of(int status);

/// Some stores answer a sample that they will never take with an error of their own
/// (Prometheus 2.42 one that is older than its window, with 500). Not 502, 503 and 504: those say
/// that it is away.
bool may_be_about_samples(const SendOutcome& outcome);

class RemoteWriteSender {
 public:
  /// `give_up` ends a request under way.
  RemoteWriteSender(RemoteWriteTarget target, const std::atomic<bool>& give_up);

  /// Does not throw: no answer is `failed`.
  SendOutcome send(const std::string& body);

 private:
  FetchRequest request_for(const std::string& body) const;

  RemoteWriteTarget target_;
  const std::atomic<bool>& give_up_;
  FetchSession session_;
};

/// The URL as a log may show it: its query may hold a secret.
std::string shown_url(const std::string& url);

}  // namespace portoser::telemetry
