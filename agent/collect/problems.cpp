#include "agent/collect/problems.h"

#include "common/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace portoser::agent::collect {

void Problems::add(std::string_view collector, std::string message) {
  protocol::CollectProblem problem;
  problem.collector = collector;
  problem.message = std::move(message);
  if (std::find(now_.begin(), now_.end(), problem) == now_.end())
    now_.push_back(std::move(problem));
}

void Problems::add(std::string_view collector, std::string_view what, int code) {
  add(collector, fmt::format("cannot read {}: {}", what, std::strerror(code)));
}

std::vector<protocol::CollectProblem> Problems::take() {
  for (const auto& problem : now_) {
    if (std::find(before_.begin(), before_.end(), problem) == before_.end()) {
      log::warn("collect",
                "value cannot be read",
                {{"collector", problem.collector}, {"reason", problem.message}});
    }
  }
  before_ = now_;
  return std::exchange(now_, {});
}

}  // namespace portoser::agent::collect
