#include "controller/api/deployment_stories.h"

#include "common/clock.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/api/deployment_frames.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace portoser::api {
namespace {

/// Made between the id of the job and the moment that the id of the deployment has.
constexpr std::chrono::seconds slack{2};

/// "deploy-20260304-091500-1f0c9a7e": none: it is no such id.
std::optional<Time> second_of(std::string_view id) {
  constexpr std::string_view pattern = "deploy-dddddddd-dddddd-xxxxxxxx";
  if (id.size() != pattern.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool is_digit = id[i] >= '0' && id[i] <= '9';
    const bool is_hex = is_digit || (id[i] >= 'a' && id[i] <= 'f');
    const bool begins = i < std::string_view{"deploy-"}.size();
    const bool fits = !begins && pattern[i] == 'd'   ? is_digit
                      : !begins && pattern[i] == 'x' ? is_hex
                                                     : id[i] == pattern[i];
    if (!fits) return std::nullopt;
  }
  const auto part = [&](std::size_t from, std::size_t size) {
    return std::string{id.substr(from, size)};
  };
  return time_from_rfc3339(part(7, 4) + "-" + part(11, 2) + "-" + part(13, 2) + "T" + part(16, 2) +
                           ":" + part(18, 2) + ":" + part(20, 2) + "Z");
}

/// The smallest id that can be made at that moment.
std::string first_id_at(Time moment) {
  constexpr std::size_t letters_of_time = 10;
  auto id = make_ulid(moment);
  std::fill(id.begin() + letters_of_time, id.end(), '0');
  return id;
}

}  // namespace

asio::awaitable<std::optional<std::string>> DeploymentStories::job_of(std::string id) {
  storage::JobFilter filter;
  if (is_ulid(id)) {
    filter.from_id = id;
    filter.before_id = id + "0";
  } else {
    const auto second = second_of(id);
    if (!second) co_return std::nullopt;
    filter.from_id = first_id_at(*second - slack);
    filter.before_id = first_id_at(*second + slack);
  }
  constexpr std::int64_t most = 1000;
  filter.limit = most;
  auto listing = jobs_.list(std::move(filter));
  const auto found = co_await std::move(listing);
  for (const auto& job : found) {
    if (job.id == id || deployment_id_of(job) == id) co_return job.id;
  }
  co_return std::nullopt;
}

asio::awaitable<jobs::Story> DeploymentStories::find(std::string id) {
  auto looking = job_of(id);
  const auto job = co_await std::move(looking);
  if (!job) {
    throw Error{Code::not_found, "there is no deployment \"" + id + "\"", "path.id"}
        .reason("DEPLOYMENT_UNKNOWN")
        .hint(
            "GET /api/history/deployments lists those that there are; what was done of one is "
            "kept as long as its job");
  }
  auto reading = jobs_.story(*job);
  co_return co_await std::move(reading);
}

}  // namespace portoser::api
