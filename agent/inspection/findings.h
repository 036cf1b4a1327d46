/// What the checks of a preflight find. Pure.
#pragma once

#include "protocol/questions.h"

#include <string>
#include <utility>

namespace portoser::agent::inspection {

class Findings {
 public:
  /// The checks that follow are this one's; it is named in the report whatever it finds.
  void begin(std::string check) {
    report_.checks.push_back(check);
    check_ = std::move(check);
  }
  /// The change would fail.
  void error(std::string reason, std::string subject, std::string message, std::string hint) {
    add("error", std::move(reason), std::move(subject), std::move(message), std::move(hint));
  }
  void warning(std::string reason, std::string subject, std::string message, std::string hint) {
    add("warning", std::move(reason), std::move(subject), std::move(message), std::move(hint));
  }
  void info(std::string subject, std::string message) {
    add("info", {}, std::move(subject), std::move(message), {});
  }
  protocol::PreflightReport& report() { return report_; }

 private:
  void add(std::string severity,
           std::string reason,
           std::string subject,
           std::string message,
           std::string hint) {
    report_.findings.push_back({check_,
                                std::move(severity),
                                std::move(reason),
                                std::move(subject),
                                std::move(message),
                                std::move(hint)});
  }

  std::string check_;
  protocol::PreflightReport report_;
};

}  // namespace portoser::agent::inspection
