#include "controller/registry/comment_places.h"

#include "controller/registry/masked.h"
#include "controller/registry/splices.h"
#include "controller/registry/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace portoser::registry {
namespace {

/// Keys may hold any character but these.
constexpr char between_keys = '\x1f';
constexpr char between_parts = '\x1e';

void append_content(const Piece& piece, std::string_view text, std::string& content) {
  switch (piece.kind) {
    case Piece::Kind::null:
      content += '~';
      break;
    case Piece::Kind::scalar:
      content += fmt::format("={}:{}", piece.text.size(), piece.text);
      break;
    case Piece::Kind::alias:
      content += text.substr(piece.begin, piece.end - piece.begin);
      content += ' ';
      break;
    case Piece::Kind::list:
      content += '[';
      for (const auto& item : piece.items) append_content(*item, text, content);
      content += ']';
      break;
    case Piece::Kind::map:
      content += '{';
      for (const auto& member : piece.members) {
        content += fmt::format("{}:{}", member.key.size(), member.key);
        append_content(*member.value, text, content);
      }
      content += '}';
      break;
  }
}

/// The paths of all keys and items, in the order of the text.
class PathFinder {
 public:
  explicit PathFinder(std::string_view text) : text_(text) {}

  std::vector<std::pair<std::size_t, std::string>> find(const Piece& root) {
    visit(root, "", "");
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
      return a.first < b.first;
    });
    return std::move(found_);
  }

 private:
  /// `within` stands for the content of the outermost list, or map with twins, around the piece.
  void visit(const Piece& piece, const std::string& path, std::string within) {
    const bool has_no_names = piece.is_list() || (piece.is_map() && has_twins(piece));
    if (has_no_names && within.empty()) within = revision_of(content_of(piece, text_));
    for (std::size_t i = 0; i < piece.items.size(); ++i) {
      const auto& item = *piece.items[i];
      const auto below = fmt::format("{}{}[{}]", path, between_keys, i);
      found_.emplace_back(item.begin, below + within);
      visit(item, below, within);
    }
    for (const auto& member : piece.members) {
      const auto below = path + between_keys + member.key;
      found_.emplace_back(member.begin, below + within);
      visit(*member.value, below, within);
    }
  }

  std::string_view text_;
  std::vector<std::pair<std::size_t, std::string>> found_;
};

}  // namespace

std::vector<NamedComment> masked_comments_in(std::string_view text, const Piece& root) {
  std::vector<NamedComment> found;
  for (const auto& place : comments_in(text, root)) {
    const auto shown = text.substr(place.begin, place.end - place.begin);
    if (shown.find(mask) != npos) found.push_back(NamedComment{place, std::string{shown}});
  }
  if (found.empty()) return found;
  const auto paths = PathFinder{text}.find(root);
  auto next = paths.begin();
  for (auto& comment : found) {
    const auto begin = comment.place.begin;
    while (next != paths.end() && next->first < begin) ++next;
    const auto line = line_begin(text, begin);
    const bool is_alone = text.substr(line, begin - line).find_first_not_of(" \t") == npos;
    comment.name += between_parts;
    if (next != paths.begin()) comment.name += std::prev(next)->second;
    comment.name += between_parts;
    if (is_alone && next != paths.end()) comment.name += next->second;
  }
  return found;
}

std::string content_of(const Piece& piece, std::string_view text) {
  std::string content;
  append_content(piece, text, content);
  return content;
}

bool has_twins(const Piece& map) {
  std::unordered_set<std::string_view> keys;
  return std::any_of(map.members.begin(), map.members.end(), [&](const PieceMember& member) {
    return !keys.insert(member.key).second;
  });
}

}  // namespace portoser::registry
