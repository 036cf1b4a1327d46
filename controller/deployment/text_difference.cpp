#include "controller/deployment/text_difference.h"

// The library's own warnings are not ours to mend.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <dtl/dtl.hpp>
#pragma GCC diagnostic pop

#include <sstream>
#include <vector>

namespace portoser::deployment {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

/// Comparing costs as much as lines times differences, and whoever asks waits.
constexpr std::size_t most_compared = 2000;

/// Every line as taken out or put in.
std::string all_of(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  auto text =
      "@@ -1," + std::to_string(before.size()) + " +1," + std::to_string(after.size()) + " @@\n";
  for (const auto& line : before) text += "-" + line + "\n";
  for (const auto& line : after) text += "+" + line + "\n";
  return text;
}

}  // namespace

std::string unified_difference(std::string_view before, std::string_view after) {
  if (before == after) return {};
  const auto old_lines = lines_of(before);
  const auto new_lines = lines_of(after);
  if (old_lines.size() + new_lines.size() > most_compared) return all_of(old_lines, new_lines);
  dtl::Diff<std::string> difference{old_lines, new_lines};
  difference.onHuge();
  difference.compose();
  difference.composeUnifiedHunks();
  std::ostringstream text;
  difference.printUnifiedFormat(text);
  return text.str();
}

}  // namespace portoser::deployment
