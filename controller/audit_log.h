/// The audit trail as log lines: who changed what, from where, with which outcome.
#pragma once

#include "controller/http/observers.h"

namespace portoser {

class AuditLog : public http::AuditSink {
 public:
  void record(const http::AuditEntry& entry) override;
};

}  // namespace portoser
