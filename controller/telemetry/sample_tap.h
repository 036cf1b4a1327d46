/// Who wants samples besides the series, in a queue that is stored with them: what was logged is in
/// the queue, whenever the controller ends, and what comes twice is there once.
#pragma once

#include "common/clock.h"
#include "controller/storage/outgoing_store.h"
#include "protocol/messages.h"

#include <memory>
#include <string>

namespace portoser::telemetry {

class SampleTap {
 public:
  SampleTap() = default;
  SampleTap(const SampleTap&) = delete;
  SampleTap& operator=(const SampleTap&) = delete;
  virtual ~SampleTap() = default;

  /// What to store of a sample that is new; empty data: nothing. On the core's executor; quick.
  virtual storage::OutgoingSample take(const std::string& host,
                                       Time when,
                                       const std::shared_ptr<const protocol::Sample>& sample) = 0;
  /// So much is in the database. Any thread.
  virtual void stored(const storage::OutgoingSize& size) = 0;
  /// So much was given up before it was: the database took nothing for too long. Any thread, under
  /// the caller's lock.
  virtual void lost(const storage::OutgoingSize& size) = 0;
};

}  // namespace portoser::telemetry
