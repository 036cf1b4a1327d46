#include "agent/deployments/program/whole_file.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/file.h"

#include <sys/stat.h>

#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest = 4U << 20U;

Error failed(std::string_view tried, const fs::path& path) {
  if (means_disk_full(errno)) {
    return disk_full_error(path.parent_path(), system_error_text(tried, path));
  }
  return Error{Code::internal, system_error_text(tried, path), path.string()};
}

/// Where the bytes are, through links that may end where nothing is yet. What a link says counts
/// from the folder in which the link really lies: `..` leads from there.
fs::path target_of(fs::path path) {
  constexpr int most_links = 40;
  for (int links = 0; links < most_links; ++links) {
    path = fs::weakly_canonical(path.parent_path()) / path.filename();
    std::error_code failure;
    if (!fs::is_symlink(path, failure)) break;
    path = path.parent_path() / fs::read_symlink(path);
  }
  return path;
}

fs::path unfinished_of(const fs::path& target, const std::string& mark) {
  return target.parent_path() / ("." + target.filename().string() + ".portoser-" + mark + ".new");
}

void flush_folder(const fs::path& folder) {
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() || ::fsync(directory.get()) != 0) throw failed("cannot flush", folder);
}

void write_all(int fd, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const auto done = ::write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw failed("cannot write", path);
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

}  // namespace

std::optional<WholeFile> read_whole(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw failed("cannot look at", path);
  }
  if (!S_ISREG(facts.st_mode)) {
    throw Error{Code::invalid, path.string() + " is not a file", path.string()};
  }
  WholeFile file;
  file.text = read_file(path, largest);
  file.mode = facts.st_mode & 07777U;
  file.uid = facts.st_uid;
  file.gid = facts.st_gid;
  return file;
}

void put_whole(const fs::path& path, const WholeFile& file, const std::string& mark) {
  if (read_whole(path) == file) return;
  const auto target = target_of(path);
  const auto unfinished = unfinished_of(target, mark);
  try {
    const Descriptor descriptor{
        ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!descriptor.is_open()) throw failed("cannot create", unfinished);
    const int fd = descriptor.get();
    write_all(fd, file.text, unfinished);
    struct stat facts {};
    const bool is_owned =
        ::fstat(fd, &facts) == 0 && facts.st_uid == file.uid && facts.st_gid == file.gid;
    if (!is_owned && ::fchown(fd, file.uid, file.gid) != 0) {
      throw failed("cannot give its owner to", unfinished);
    }
    // Behind the owner, which takes bits of it away.
    if (::fchmod(fd, file.mode) != 0) throw failed("cannot set the mode of", unfinished);
    if (::fsync(fd) != 0) throw failed("cannot flush", unfinished);
    if (::rename(unfinished.c_str(), target.c_str()) != 0) throw failed("cannot replace", target);
  } catch (...) {
    ::unlink(unfinished.c_str());
    throw;
  }
  flush_folder(target.parent_path());
  const auto now = read_whole(path);
  if (!now || now->text != file.text) {
    throw Error{Code::internal,
                path.string() + " does not have the text that was written to " + target.string(),
                path.string()};
  }
}

void remove_whole(const fs::path& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return;
    throw failed("cannot remove", path);
  }
  flush_folder(path.parent_path());
}

void remove_unfinished(const fs::path& path, const std::string& mark) {
  ::unlink(unfinished_of(target_of(path), mark).c_str());
}

}  // namespace portoser::agent::deployments
