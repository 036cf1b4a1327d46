#include "controller/telemetry/span.h"

#include "controller/telemetry/watches.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace portoser::telemetry {

void Span::pack_some(const JoinHistory& joins) {
  if (newest.times_ms.size() < rows_at_once) return;
  auto found = watches_in({}, newest, joins);
  std::move(found.begin(), found.end(), std::back_inserter(packed_watches));
  packed_watches = joined(std::move(packed_watches), joins);
  if (packed_watches.size() > most_watches) packed_watches.resize(most_watches);
  packed.push_back(std::make_shared<const std::string>(encode(newest)));
  packed_bytes_ += packed.back()->capacity();
  newest.times_ms.clear();
  // The next samples have the same series.
  for (auto& column : newest.columns) column.values.clear();
}

void Span::for_each_piece(const std::function<void(const RawBlock&)>& take) const {
  for (const auto& piece : packed) take(decode_raw(*piece));
  if (!newest.times_ms.empty()) take(newest);
}

std::vector<storage::ServiceWatch> Span::watches(const std::string& host,
                                                 const JoinHistory& joins) const {
  auto all = watches_in(host, newest, joins);
  for (auto watch : packed_watches) {
    watch.host = host;
    all.push_back(std::move(watch));
  }
  return joined(std::move(all), joins);
}

std::size_t Span::bytes() const {
  constexpr std::size_t of_a_series = 200;
  // Room that was made for samples is kept for the next ones.
  const auto held = packed.empty() ? newest.times_ms.size() : rows_at_once;
  return newest.columns.size() * (of_a_series + sizeof(std::int64_t) * held) + packed_bytes_;
}

}  // namespace portoser::telemetry
