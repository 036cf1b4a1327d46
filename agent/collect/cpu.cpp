#include "agent/collect/cpu.h"

#include "agent/collect/text.h"

#include <algorithm>
#include <utility>

namespace portoser::agent::collect {
namespace {

/// More ticks than any machine has seen, and sums of eight of them still fit.
constexpr std::int64_t most_ticks = std::int64_t{1} << 59;
constexpr std::int64_t last_boot_s = 253'402'300'799;  // the year 9999

/// Old kernels have fewer columns, never fewer than four.
bool parse_ticks(std::string_view rest, CpuTicks& out) {
  out.fill(0);
  std::size_t columns = 0;
  while (columns < out.size()) {
    const auto word = next_word(rest);
    if (word.empty()) break;
    const auto ticks = to_count(word);
    if (!ticks || *ticks > most_ticks) return false;
    out[columns++] = *ticks;
  }
  return columns >= 4;
}

std::vector<double> core_percents(const CpuStat& before, const CpuStat& now) {
  std::vector<double> percents;
  if (before.cores.size() != now.cores.size()) return percents;
  percents.reserve(now.cores.size());
  for (std::size_t i = 0; i < now.cores.size(); ++i) {
    const auto percent = busy_percent(before.cores[i].ticks, now.cores[i].ticks);
    if (!percent || before.cores[i].number != now.cores[i].number) return {};
    percents.push_back(*percent);
  }
  return percents;
}

}  // namespace

bool parse_stat(std::string_view text, CpuStat& out) {
  out.cores.clear();
  out.boot_time_s.reset();
  const auto first = next_line(text);
  if (!first || !first->starts_with("cpu ") || !parse_ticks(first->substr(4), out.all))
    return false;
  while (text.starts_with("cpu")) {
    auto line = next_line(text);
    if (!line) return true;
    line->remove_prefix(3);
    CpuStat::Core core;
    const auto number = to_count(next_word(*line));
    if (number && parse_ticks(*line, core.ticks)) {
      core.number = *number;
      out.cores.push_back(core);
    }
  }
  const auto booted = find_count(text, "btime");
  if (booted && *booted <= last_boot_s) out.boot_time_s = booted;
  return true;
}

std::optional<double> busy_percent(const CpuTicks& before, const CpuTicks& now) {
  constexpr std::size_t idle = 3;
  constexpr std::size_t iowait = 4;
  std::int64_t total = 0;
  std::int64_t unused = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    // The kernel says itself that iowait may go down.
    const auto passed = std::max<std::int64_t>(0, now[i] - before[i]);
    total += passed;
    if (i == idle || i == iowait) unused += passed;
  }
  if (total == 0) return std::nullopt;
  return 100.0 * static_cast<double>(total - unused) / static_cast<double>(total);
}

void CpuCollector::collect(ReadBuffer& buffer, Problems& problems, protocol::CpuSample& out) {
  std::swap(before_, now_);
  const auto reading = file_.read(buffer);
  if (!reading || !parse_stat(*reading, now_)) {
    now_ = CpuStat{};
    has_before_ = false;
    if (reading) {
      problems.add("cpu", file_.path() + " does not begin with the processors' times");
    } else {
      problems.add("cpu", file_.path(), reading.error());
    }
    return;
  }
  if (std::exchange(has_before_, true)) {
    out.percent = busy_percent(before_.all, now_.all);
    out.core_percent = core_percents(before_, now_);
  }
}

}  // namespace portoser::agent::collect
