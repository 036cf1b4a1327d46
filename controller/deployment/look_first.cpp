#include "controller/deployment/look_first.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::deployment {

asio::awaitable<void> look_first(Preflight& preflight,
                                 Recording& recording,
                                 std::shared_ptr<jobs::Run> run,
                                 PreflightWish wish,
                                 std::string participle) {
  run->step("preflight");
  auto looking = preflight.look(std::move(wish));
  const auto report = co_await std::move(looking);
  for (const auto& finding : report.findings) {
    run->log(fmt::format("{}: {}", finding.severity, finding.message));
  }
  if (!report.findings.empty()) {
    co_await recording.keep_findings(run->record(), report.findings);
  }
  require_good(report, fmt::format("\"{}\" is not {}", run->record().service, participle));
}

}  // namespace portoser::deployment
