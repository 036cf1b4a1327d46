/// Connections that were not served: counted, and told once a minute. Any thread. Inside
/// controller/http only.
#pragma once

#include "common/complaints.h"
#include "controller/http/observers.h"

#include <mutex>
#include <string>

namespace portoser::http {

class Refusals {
 public:
  Refusals(RequestObserver& observer, const Clock& clock) : observer_(observer), clock_(clock) {}

  void add(Refusal why, std::string latest);
  /// About once a second.
  void tell_due();

 private:
  using Complaints = BasicComplaints<Refusal, Refusal::too_slow>;

  RequestObserver& observer_;
  const Clock& clock_;
  std::mutex mutex_;  // guards complaints_
  Complaints complaints_;
};

}  // namespace portoser::http
