#include "agent/transfer/progress.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace portoser::agent::transfer {
namespace {

std::optional<std::int64_t> number_at_front(std::string_view text, std::string_view& rest) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || number < 0) return std::nullopt;
  rest = {stopped, static_cast<std::size_t>(end - stopped)};
  return number;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min", (whole + 30) / 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  constexpr std::array<const char*, 3> large{"GiB", "TiB", "PiB"};
  constexpr std::int64_t step = 1024;
  if (bytes < step) return fmt::format("{} B", bytes);
  if (bytes < step * step) return fmt::format("{} KiB", bytes / step);
  if (bytes < step * step * step) return fmt::format("{} MiB", bytes / step / step);
  double size = static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0);
  std::size_t unit = 0;
  for (; size >= 1024.0 && unit + 1 < large.size(); ++unit) size /= 1024.0;
  return fmt::format("{:.1f} {}", size, large.at(unit));
}

std::optional<std::int64_t> progress_bytes(std::string_view line) {
  const auto begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view rest;
  const auto bytes = number_at_front(line.substr(begin), rest);
  if (!bytes || rest.empty() || rest.front() != ' ') return std::nullopt;
  // The share of it follows: "  8781088   9%    7.86MB/s    0:00:10".
  const auto share = rest.find_first_not_of(' ');
  if (share == std::string_view::npos) return std::nullopt;
  std::string_view behind;
  if (!number_at_front(rest.substr(share), behind) || !behind.starts_with('%')) {
    return std::nullopt;
  }
  return bytes;
}

std::optional<std::int64_t> total_bytes(std::string_view line) {
  constexpr std::string_view words = "total size is ";
  if (!line.starts_with(words)) return std::nullopt;
  std::string_view rest;
  return number_at_front(line.substr(words.size()), rest);
}

void Progress::begin(std::string name, Steady now) {
  name_ = std::move(name);
  last_ = now;
  last_bytes_ = 0;
}

std::optional<std::string> Progress::at(std::int64_t bytes, Steady now) {
  constexpr double weight = 0.5;  // of the newest second
  const auto passed = std::chrono::duration<double>{now - last_}.count();
  if (passed < 1.0) return std::nullopt;
  const auto newest = static_cast<double>(bytes > last_bytes_ ? bytes - last_bytes_ : 0) / passed;
  rate_ = rate_ > 0 ? weight * newest + (1 - weight) * rate_ : newest;
  last_ = now;
  last_bytes_ = bytes;
  const auto sum = done_ + bytes;
  auto line = fmt::format("{}: {}", name_, size_text(sum));
  // Holes in files count here and not there: then the total says nothing.
  const bool is_known = total_ > sum;
  if (is_known) line += fmt::format(" of {}", size_text(total_));
  line += fmt::format(", {}/s", size_text(static_cast<std::int64_t>(rate_)));
  if (is_known && rate_ >= 1) {
    line += fmt::format(", {} left", duration_text(static_cast<double>(total_ - sum) / rate_));
  }
  return line;
}

void Progress::end(std::int64_t bytes) {
  done_ += bytes;
}

}  // namespace portoser::agent::transfer
