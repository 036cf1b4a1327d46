#include "agent/transfer/manifest.h"

#include "agent/transfer/line_text.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

constexpr std::size_t field_count = 12;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

Error failed(std::string_view tried, const std::string& path) {
  const auto code = errno == ENOENT ? Code::not_found : Code::internal;
  return Error{code, system_error_text(tried, path), path};
}

template <class Number>
Number number_in(std::string_view text, int base = 10) {
  Number number{};
  const auto* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, number, base);
  if (failure != std::errc{} || stopped != end) {
    throw Error{Code::invalid, fmt::format("\"{}\" in a manifest is no number", text)};
  }
  return number;
}

char type_of(mode_t mode) {
  if (S_ISREG(mode)) return '-';
  if (S_ISDIR(mode)) return 'd';
  if (S_ISLNK(mode)) return 'l';
  if (S_ISFIFO(mode)) return 'p';
  if (S_ISSOCK(mode)) return 's';
  if (S_ISCHR(mode)) return 'c';
  return 'b';
}

Entry entry_of(const struct stat& facts) {
  Entry entry;
  entry.type = type_of(facts.st_mode);
  entry.mode = facts.st_mode & 07777U;
  entry.uid = facts.st_uid;
  entry.gid = facts.st_gid;
  entry.mtime_ns = std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
  if (entry.type == '-' || entry.type == 'l') entry.size = facts.st_size;
  if (entry.type == 'c' || entry.type == 'b') entry.device = facts.st_rdev;
  return entry;
}

bool counts(std::string_view attribute) {
  return attribute.starts_with("user.") || attribute == "security.capability" ||
         attribute == "system.posix_acl_access" || attribute == "system.posix_acl_default";
}

/// A slash comes before every other byte, so that what is in a folder follows it at once.
int rank(char letter) {
  return letter == '/' ? -1 : static_cast<unsigned char>(letter);
}

std::string way_through(int folder, const std::string& name) {
  return fmt::format("/proc/self/fd/{}/{}", folder, name);
}

}  // namespace

std::string to_line(const Entry& entry) {
  return fmt::format("{}\t{}\t{:o}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                     escaped(entry.path),
                     entry.type,
                     entry.mode,
                     entry.uid,
                     entry.gid,
                     entry.mtime_ns,
                     entry.size,
                     escaped(entry.target),
                     escaped(entry.link_of),
                     entry.device,
                     entry.attributes,
                     entry.content);
}

Entry entry_from(std::string_view line) {
  std::array<std::string_view, field_count> fields;
  std::size_t count = 0;
  bool has_more = true;
  for (auto rest = line; has_more && count < field_count; ++count) {
    const auto end = rest.find('\t');
    has_more = end != std::string_view::npos;
    fields[count] = rest.substr(0, end);
    rest.remove_prefix(has_more ? end + 1 : rest.size());
  }
  if (count != field_count || has_more || fields[1].size() != 1) {
    throw Error{Code::invalid, fmt::format("\"{}\" is no line of a manifest", line)};
  }
  Entry entry;
  entry.path = unescaped(fields[0]);
  entry.type = fields[1].front();
  entry.mode = number_in<std::uint32_t>(fields[2], 8);
  entry.uid = number_in<std::uint32_t>(fields[3]);
  entry.gid = number_in<std::uint32_t>(fields[4]);
  entry.mtime_ns = number_in<std::int64_t>(fields[5]);
  entry.size = number_in<std::int64_t>(fields[6]);
  entry.target = unescaped(fields[7]);
  entry.link_of = unescaped(fields[8]);
  entry.device = number_in<std::uint64_t>(fields[9]);
  entry.attributes = fields[10];
  entry.content = fields[11];
  return entry;
}

bool comes_before(std::string_view path, std::string_view other) {
  return std::lexicographical_compare(
      path.begin(), path.end(), other.begin(), other.end(), [](char left, char right) {
        return rank(left) < rank(right);
      });
}

ManifestWalk::ManifestWalk(const std::filesystem::path& root,
                           bool skips_lost_and_found,
                           std::function<void()> alive)
    : root_(root), skips_lost_and_found_(skips_lost_and_found), alive_(std::move(alive)) {
  // A link to the folder is followed, as who uses it does.
  Descriptor folder{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open()) throw failed("cannot open", root.string());
  struct stat facts {};
  if (::fstat(folder.get(), &facts) != 0) throw failed("cannot look at", root.string());
  first_ = entry_of(facts);
  first_->attributes = attributes_of(way_through(folder.get(), "."), {});
  enter(std::move(folder), {});
}

std::optional<Entry> ManifestWalk::next() {
  if (first_) return std::exchange(first_, std::nullopt);
  while (!levels_.empty() && levels_.back().names.empty()) levels_.pop_back();
  if (levels_.empty()) return std::nullopt;
  auto& level = levels_.back();
  const auto name = std::move(level.names.back());
  level.names.pop_back();
  auto entry = look(level, name);
  if (entry.type == 'd') {
    Descriptor folder{::openat(
        level.folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!folder.is_open()) throw failed("cannot open", shown(entry.path));
    enter(std::move(folder), entry.path + "/");
  }
  return entry;
}

void ManifestWalk::enter(Descriptor folder, const std::string& prefix) {
  const int own = ::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, CloseFolder> list{own < 0 ? nullptr : ::fdopendir(own)};
  if (!list) {
    const Descriptor unused{own};
    throw failed("cannot read", shown(prefix));
  }
  Level level;
  for (;;) {
    errno = 0;
    const auto* found = ::readdir(list.get());
    if (found == nullptr) break;
    std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    if (skips_lost_and_found_ && prefix.empty() && name == "lost+found") continue;
    level.names.push_back(std::move(name));
  }
  if (errno != 0) throw failed("cannot read", shown(prefix));
  std::sort(level.names.rbegin(), level.names.rend());
  level.folder = std::move(folder);
  level.prefix = prefix;
  levels_.push_back(std::move(level));
}

std::string ManifestWalk::shown(const std::string& path) const {
  return (root_ / path).string();
}

Entry ManifestWalk::look(const Level& level, const std::string& name) {
  const int folder = level.folder.get();
  const auto path = level.prefix + name;
  struct stat facts {};
  if (::fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    throw failed("cannot look at", shown(path));
  }
  auto entry = entry_of(facts);
  entry.path = path;
  if (entry.type != 'd' && facts.st_nlink > 1) {
    const std::pair<std::uint64_t, std::uint64_t> file{facts.st_dev, facts.st_ino};
    const auto [known, is_first] = linked_.emplace(file, Linked{path, facts.st_nlink});
    if (!is_first) entry.link_of = known->second.first;
    if (--known->second.left == 0) linked_.erase(known);
  }
  if (entry.type == 'l') {
    std::string target(static_cast<std::size_t>(facts.st_size) + 1, '\0');
    const auto length = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    if (length < 0) throw failed("cannot read", shown(path));
    target.resize(static_cast<std::size_t>(length));
    entry.target = std::move(target);
  }
  if (entry.link_of.empty()) {
    entry.attributes = attributes_of(way_through(folder, name), path);
    if (entry.type == '-') entry.content = content_of(folder, name, entry);
  }
  return entry;
}

std::string ManifestWalk::content_of(int folder, const std::string& name, Entry& entry) const {
  constexpr std::size_t block_size = std::size_t{256} << 10U;
  const Descriptor file{
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!file.is_open()) throw failed("cannot open", shown(entry.path));
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256 hash;
  std::string block(block_size, '\0');
  for (;;) {
    const auto got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw failed("cannot read", shown(entry.path));
    if (got == 0) break;
    if (alive_) alive_();
    hash.add({block.data(), static_cast<std::size_t>(got)});
  }
  return to_hex(hash.finish());
}

/// `way`: of the entry itself, also when it is a link.
std::string ManifestWalk::attributes_of(const std::string& way, const std::string& path) const {
  const auto read_all = [&](const auto& call) {
    std::string out;
    for (;;) {
      const auto size = call(nullptr, std::size_t{0});
      if (size <= 0) {
        // A file system without attributes, or one that was taken away just now.
        if (size == 0 || errno == ENOTSUP || errno == ENODATA) return std::string{};
        throw failed("cannot read the attributes of", shown(path));
      }
      out.resize(static_cast<std::size_t>(size));
      const auto got = call(out.data(), out.size());
      if (got >= 0) {
        out.resize(static_cast<std::size_t>(got));
        return out;
      }
      if (errno != ERANGE) throw failed("cannot read the attributes of", shown(path));
    }
  };
  const auto list =
      read_all([&](char* out, std::size_t size) { return ::llistxattr(way.c_str(), out, size); });
  std::vector<std::string> names;
  for (std::size_t at = 0; at < list.size(); at = list.find('\0', at) + 1) {
    const std::string name = list.c_str() + at;
    if (counts(name)) names.push_back(name);
    if (list.find('\0', at) == std::string::npos) break;
  }
  if (names.empty()) return {};
  std::sort(names.begin(), names.end());
  Sha256 hash;
  for (const auto& name : names) {
    const auto value = read_all([&](char* out, std::size_t size) {
      return ::lgetxattr(way.c_str(), name.c_str(), out, size);
    });
    hash.add(fmt::format("{} {}\n", name, value.size()));
    hash.add(value);
  }
  return to_hex(hash.finish());
}

}  // namespace portoser::agent::transfer
