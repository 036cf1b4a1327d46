#include "agent/transfer/compare.h"

#include "agent/transfer/line_text.h"
#include "common/error.h"

#include <fmt/format.h>

namespace portoser::agent::transfer {
namespace {

std::string shown(const Entry& entry) {
  return entry.path.empty() ? "the folder itself" : escaped(entry.path);
}

/// What a person would look at first.
std::string what_differs(const Entry& source, const Entry& copy) {
  if (source.type != copy.type) {
    return fmt::format("it is {} there and {} here", source.type, copy.type);
  }
  if (source.size != copy.size) {
    return fmt::format("{} bytes there, {} here", source.size, copy.size);
  }
  if (source.content != copy.content) return "its content differs";
  if (source.target != copy.target) return "it points elsewhere";
  if (source.mode != copy.mode) {
    return fmt::format("mode {:o} there, {:o} here", source.mode, copy.mode);
  }
  if (source.uid != copy.uid || source.gid != copy.gid) {
    return fmt::format("owner {}:{} there, {}:{} here", source.uid, source.gid, copy.uid, copy.gid);
  }
  if (source.mtime_ns != copy.mtime_ns) return "the time of its last change differs";
  if (source.link_of != copy.link_of) return "it is linked with other files";
  if (source.device != copy.device) return "it is another device";
  return "its extended attributes differ";
}

/// Also sees to the order, on which the comparison rests.
class Side {
 public:
  explicit Side(const EntrySource& source) : source_(source) { advance(); }

  [[nodiscard]] const std::optional<Entry>& entry() const { return entry_; }
  void advance() {
    auto next = source_();
    if (next && entry_ && !comes_before(entry_->path, next->path)) {
      throw Error{Code::invalid,
                  fmt::format("a manifest is out of order: {} behind {}",
                              escaped(next->path),
                              escaped(entry_->path))};
    }
    entry_ = std::move(next);
  }

 private:
  const EntrySource& source_;
  std::optional<Entry> entry_;
};

}  // namespace

Differences compare(const EntrySource& source, const EntrySource& copy) {
  Differences found;
  const auto note = [&found](const Entry& entry, const std::string& what) {
    ++found.count;
    if (found.lines.size() < Differences::most_lines) {
      found.lines.push_back(fmt::format("{}: {}", shown(entry), what));
    }
  };
  // Ours first, here and below: both hosts read the same file at the same time then, and the other
  // one is heard while this one reads.
  Side ours{copy};
  Side theirs{source};
  while (theirs.entry() || ours.entry()) {
    if (!ours.entry() ||
        (theirs.entry() && comes_before(theirs.entry()->path, ours.entry()->path))) {
      note(*theirs.entry(), "it is missing here");
      theirs.advance();
    } else if (!theirs.entry() || comes_before(ours.entry()->path, theirs.entry()->path)) {
      note(*ours.entry(), "it is not on the source");
      ours.advance();
    } else {
      if (*theirs.entry() != *ours.entry()) {
        note(*theirs.entry(), what_differs(*theirs.entry(), *ours.entry()));
      }
      ours.advance();
      theirs.advance();
    }
  }
  return found;
}

}  // namespace portoser::agent::transfer
