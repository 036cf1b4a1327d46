#include "controller/audit_log.h"

#include "common/log.h"

namespace portoser {

void AuditLog::record(const http::AuditEntry& entry) {
  log::info("audit",
            "request",
            {{"user", entry.user_name},
             {"method", http::to_string(entry.method)},
             {"path", entry.path},
             {"status", entry.status},
             {"reason", entry.reason},
             {"remote", entry.remote},
             {"request_id", entry.request_id}});
}

}  // namespace portoser
