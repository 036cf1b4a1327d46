#include "agent/deployments/program/verdict.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/file.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

constexpr unsigned verdict_mode = 0600;

std::string word_of(Verdict verdict) {
  return verdict == Verdict::confirmed ? "confirmed" : "expired";
}

Error cannot_keep(const std::string& tried, const fs::path& path) {
  if (means_disk_full(errno)) {
    return disk_full_error(path.parent_path(), system_error_text(tried, path));
  }
  return Error{Code::internal, system_error_text(tried, path), path.string()};
}

}  // namespace

VerdictFile::VerdictFile(fs::path folder) : folder_(std::move(folder)) {}

fs::path VerdictFile::ready(Verdict verdict) const {
  return folder_ / (std::string{verdict_name} + "." + word_of(verdict));
}

void VerdictFile::prepare() const {
  for (const auto verdict : {Verdict::confirmed, Verdict::expired}) {
    write_file_atomic(ready(verdict), word_of(verdict) + "\n", verdict_mode);
  }
}

std::optional<Verdict> VerdictFile::read() const {
  constexpr std::size_t longest = 64;
  const auto path = folder_ / verdict_name;
  std::string text;
  try {
    text = read_file(path, longest);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    throw;
  }
  for (const auto verdict : {Verdict::confirmed, Verdict::expired}) {
    if (text == word_of(verdict) + "\n") return verdict;
  }
  throw Error{Code::internal, path.string() + " is damaged", path.string()};
}

/// Its text is on the disk before it has its name, and link() gives a name only once, whoever else
/// tries.
Verdict VerdictFile::decide(Verdict wanted) const {
  const auto path = folder_ / verdict_name;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    const auto text = ready(wanted);
    if (!fs::exists(text, ignored)) write_file_atomic(text, word_of(wanted) + "\n", verdict_mode);
    if (::link(text.c_str(), path.c_str()) != 0 && errno != EEXIST) {
      throw cannot_keep("cannot create", path);
    }
  }
  // Also when somebody else was first: that one may not have come to it.
  const Descriptor directory{::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() || ::fsync(directory.get()) != 0)
    throw cannot_keep("cannot flush", folder_);
  const auto holds = read();
  if (!holds) throw Error{Code::internal, path.string() + " is gone", path.string()};
  return *holds;
}

}  // namespace portoser::agent::deployments
