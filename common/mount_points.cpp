#include "common/mount_points.h"

#include "common/file.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace portoser {
namespace {

/// "\040" for a blank and such.
std::string without_octal(std::string_view text) {
  const auto is_octal = [](char letter) { return letter >= '0' && letter <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                           is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!is_escape) {
      out += text[i];
      continue;
    }
    const int byte = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
    out += static_cast<char>(byte);
    i += 3;
  }
  return out;
}

}  // namespace

std::vector<std::string> mount_points() {
  return mount_points_from(read_file("/proc/self/mountinfo"));
}

std::vector<std::string> mount_points_from(std::string_view text) {
  constexpr int place = 4;  // of the mount point, among blanks
  std::vector<std::string> points;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    for (int i = 0; i < place; ++i) {
      const auto blank = line.find(' ');
      line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
    }
    const auto point = line.substr(0, line.find(' '));
    if (!point.empty()) points.push_back(without_octal(point));
  }
  return points;
}

std::vector<std::string> mounts_below(const std::string& folder,
                                      const std::vector<std::string>& points) {
  std::error_code failure;
  auto above = std::filesystem::weakly_canonical(folder, failure).string();
  if (failure) above = std::filesystem::path{folder}.lexically_normal().string();
  if (!above.ends_with('/')) above += '/';
  std::vector<std::string> found;
  for (const auto& point : points) {
    if (point.size() > above.size() && point.starts_with(above)) found.push_back(point);
  }
  return found;
}

}  // namespace portoser
