#include "agent/collect/mounts.h"

#include "agent/collect/text.h"

#include <limits>
#include <poll.h>

namespace portoser::agent::collect {
namespace {

bool is_octal(char digit) {
  return digit >= '0' && digit <= '7';
}

/// The kernel writes blank, tab, newline, backslash and # as \ooo.
std::string decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' && is_octal(text[i + 1]) &&
        is_octal(text[i + 2]) && is_octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::optional<DeviceNumber> parse_device(std::string_view text) {
  const auto major = to_count(next_field(text, ':'));
  const auto minor = to_count(text);
  constexpr std::int64_t largest = std::numeric_limits<std::uint32_t>::max();
  if (!major || !minor || *major > largest || *minor > largest) return std::nullopt;
  DeviceNumber device;
  device.major = static_cast<std::uint32_t>(*major);
  device.minor = static_cast<std::uint32_t>(*minor);
  return device;
}

std::optional<Mount> parse_mount(std::string_view line) {
  next_field(line, ' ');  // id
  next_field(line, ' ');  // id of the parent
  const auto device = parse_device(next_field(line, ' '));
  if (!device) return std::nullopt;
  Mount mount;
  mount.device = *device;
  mount.root = decoded(next_field(line, ' '));
  mount.mount_point = decoded(next_field(line, ' '));
  next_field(line, ' ');  // options of the mount
  // Any number of optional fields, then a dash.
  for (;;) {
    if (line.empty()) return std::nullopt;
    if (next_field(line, ' ') == "-") break;
  }
  mount.type = decoded(next_field(line, ' '));
  mount.source = decoded(next_field(line, ' '));  // may be empty
  if (mount.type.starts_with("cgroup")) mount.options = line;
  if (mount.type.empty() || !mount.mount_point.starts_with('/')) return std::nullopt;
  return mount;
}

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  while (const auto line = next_line(text)) {
    if (auto mount = parse_mount(*line)) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

bool MountTable::has_changed() const {
  // The kernel's mark for "the table changed since you last asked" (proc(5)). A regular file has no
  // such mark.
  pollfd waiting{};
  waiting.fd = file_.descriptor();
  waiting.events = POLLPRI;
  return ::poll(&waiting, 1, 0) > 0;
}

bool MountTable::refresh(ReadBuffer& buffer, Problems& problems) {
  if (is_read_ && !has_changed()) return false;
  const auto reading = file_.read(buffer);
  if (!reading) {
    problems.add("disk", file_.path(), reading.error());
    mounts_.clear();
    is_read_ = false;
    return true;
  }
  mounts_ = parse_mounts(*reading);
  is_read_ = true;
  buffer.trim();
  return true;
}

}  // namespace portoser::agent::collect
