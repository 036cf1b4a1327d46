#include "tests/cluster/stored_samples.h"

#include "controller/telemetry/logged_sample.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <set>
#include <utility>

namespace portoser::test {

std::vector<std::int64_t> StoredSamples::holes(std::int64_t first) const {
  std::vector<std::int64_t> missing;
  for (auto one = times.lower_bound(first); one != times.end(); ++one) {
    const auto next = std::next(one);
    if (next == times.end()) break;
    for (auto number = one->first + 1; number < next->first; ++number) {
      missing.push_back(number);
      if (missing.size() > 100) return missing;  // another agent's numbers, millions away
    }
  }
  return missing;
}

StoredSamples stored_samples(const std::filesystem::path& database, const std::string& host) {
  SQLite::Database file{database, SQLite::OPEN_READONLY};
  SQLite::Statement rows{file, "SELECT data FROM series_log WHERE host = ? ORDER BY id"};
  rows.bind(1, host);
  StoredSamples stored;
  std::set<std::pair<std::string, std::int64_t>> seen;  // another boot may give the same number
  while (rows.executeStep()) {
    const auto column = rows.getColumn(0);
    const std::string bytes(static_cast<const char*>(column.getBlob()),
                            static_cast<std::size_t>(column.getBytes()));
    const auto sample = telemetry::decode_sample(bytes);
    stored.times.emplace(sample.number, sample.time_ms);
    if (!seen.emplace(sample.boot_id, sample.number).second) stored.twice.push_back(sample.number);
  }
  return stored;
}

}  // namespace portoser::test
