#include "controller/registry/rewrite.h"

#include "controller/registry/flow_elements.h"
#include "controller/registry/layout.h"
#include "controller/registry/splices.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace portoser::registry {
namespace {

constexpr std::size_t usual_step = 2;  ///< of indentation, where the file shows none

bool has_anchor(const Piece& piece) {
  return piece.anchored ||
         std::any_of(piece.items.begin(),
                     piece.items.end(),
                     [](const PiecePtr& item) { return has_anchor(*item); }) ||
         std::any_of(piece.members.begin(), piece.members.end(), [](const PieceMember& member) {
           return has_anchor(*member.value);
         });
}

class Rewriter {
 public:
  Rewriter(std::string_view text, std::string_view file, const Path& path)
      : text_(text),
        file_(file),
        depth_(path.size()),
        break_(line_break_of(text)),
        root_(parse_layout(text, file)),
        splices_(text) {
    if (root_ == nullptr && !path.empty()) fail(0, "the file has nothing in it", "");
    map_ = root_.get();
    for (const auto& key : path) descend(key);
  }

  std::string set(const std::string& key, const FieldValue& value) {
    if (map_ == nullptr) {
      splices_.insert_lines(text_.size(), block_member(key, value, 0, usual_step, 2));
      return splices_.apply();
    }
    if (!map_->is_map()) fail(map_->begin, "there is no map here", "make it one by hand");
    if (const auto* member = find_once(key)) {
      replace_value(*member, value);
    } else if (map_->flow) {
      insert_in_flow(key, value);
    } else {
      insert_in_block(key, value);
    }
    return splices_.apply();
  }

  std::string remove(const std::string& key) {
    const auto* member = map_ == nullptr ? nullptr : find_once(key);
    if (member == nullptr) fail(map_ == nullptr ? 0 : map_->begin, "it is not there", "");
    refuse_anchor(*member->value);
    if (map_->flow) {
      remove_from_flow(*member);
    } else {
      remove_from_block(*member);
    }
    return splices_.apply();
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& message, std::string_view hint) const {
    throw not_safe(
        file_, mark_of(text_, at), message, hint.empty() ? "edit the file by hand" : hint);
  }

  void descend(const std::string& key) {
    if (!map_->is_map()) fail(map_->begin, "there is no map here", "");
    const auto* member = find_once(key);
    if (member == nullptr) {
      fail(map_->begin,
           fmt::format("\"{}\" does not stand here itself: it comes in through a merge key (<<)",
                       key),
           "edit what is merged, or write it out here");
    }
    if (member->value->kind == Piece::Kind::alias) {
      fail(member->value->begin,
           fmt::format(
               "\"{}\" is an alias ({})",
               key,
               text_.substr(member->value->begin, member->value->end - member->value->begin)),
           "edit what it stands for, or write it out here");
    }
    owner_ = member;
    map_ = member->value.get();
  }

  const PieceMember* find_once(const std::string& key) const {
    const auto* found = map_->find(key);
    if (found == nullptr) return nullptr;
    const auto* const last = map_->members.data() + map_->members.size();
    if (std::any_of(found + 1, last, [&](const PieceMember& other) { return other.key == key; })) {
      fail(found->begin, fmt::format("the key \"{}\" is there twice", key), "remove one of them");
    }
    if (found->odd) {
      fail(found->begin,
           fmt::format("the key \"{}\" is written in an unusual way", key),
           "write it as \"key: value\"");
    }
    return found;
  }

  void refuse_anchor(const Piece& value) const {
    if (!has_anchor(value)) return;
    fail(value.begin,
         "an anchor (&) stands in what would go",
         "other places may name it by an alias (*): move it first");
  }

  /// A map in its own lines for so many levels, then in one line.
  std::string block_member(const std::string& key,
                           const FieldValue& value,
                           std::size_t indent,
                           std::size_t step,
                           std::size_t levels) const {
    auto lines = std::string(indent, ' ') + write_text(key, Quotes::as_needed, false) + ":";
    if (levels > 0 && value.kind == FieldValue::Kind::map && !value.members.empty()) {
      lines += break_;
      for (const auto& [name, member] : value.members) {
        lines += block_member(name, member, indent + step, step, levels - 1);
      }
      return lines;
    }
    return lines + " " + write_flow(value, Quotes::as_needed, false) + std::string{break_};
  }

  /// How many levels of a value in this map stand in lines of their own: sections and entries do,
  /// fields do not.
  [[nodiscard]] std::size_t block_levels() const {
    const bool like_sibling = depth_ == 1 && map_ != nullptr && !map_->members.empty() &&
                              map_->members.back().value->flow;
    return depth_ >= 2 || like_sibling ? 0 : 2 - depth_;
  }

  [[nodiscard]] std::size_t indent_step() const {
    for (const auto* map : {map_, static_cast<const Piece*>(root_.get())}) {
      for (const auto& member : map->members) {
        const auto& value = *member.value;
        if (!value.is_map() || value.flow || value.members.empty()) continue;
        const auto outer = column_of(text_, member.begin);
        const auto inner = column_of(text_, value.members.front().begin);
        if (inner > outer) return inner - outer;
      }
    }
    return usual_step;
  }

  /// Comments right behind the last member that are not further out belong to this map.
  [[nodiscard]] std::size_t behind_comments(std::size_t at, std::size_t column) const {
    for (;;) {
      const auto first = text_.find_first_not_of(' ', at);
      if (first == npos || text_[first] != '#' || first - at < column) return at;
      at = behind_line(text_, at);
    }
  }

  [[nodiscard]] bool are_apart() const {
    const auto count = map_->members.size();
    if (count < 2 || depth_ > 1) return false;
    const auto begin = behind_line(text_, map_->members[count - 2].value->end);
    const auto between = text_.substr(begin, map_->members[count - 1].begin - begin);
    return between.find("\n\n") != npos || between.find("\n\r\n") != npos ||
           between.starts_with('\n') || between.starts_with("\r\n");
  }

  void insert_in_block(const std::string& key, const FieldValue& value) {
    const auto column = column_of(text_, map_->members.front().begin);
    const auto at = behind_comments(behind_line(text_, map_->members.back().value->end), column);
    const auto lines = block_member(key, value, column, indent_step(), block_levels());
    splices_.insert_lines(at, are_apart() ? std::string{break_} + lines : lines);
  }

  /// JSON is YAML too, and stays JSON.
  [[nodiscard]] Quotes quotes_of_siblings() const {
    const bool is_json = !map_->members.empty() && text_[map_->members.front().begin] == '"';
    return map_->flow && is_json ? Quotes::doubled : Quotes::as_needed;
  }

  void insert_in_flow(const std::string& key, const FieldValue& value) {
    const auto quotes = quotes_of_siblings();
    const auto written = write_text(key, quotes, true) + ": " + write_flow(value, quotes, true);
    if (map_->members.empty()) {
      splices_.insert(map_->content + 1, written);
    } else {
      splices_.insert(map_->members.back().value->end, ", " + written);
    }
  }

  [[nodiscard]] Quotes quotes_of(const Piece& piece) const {
    if (piece.kind != Piece::Kind::scalar) return quotes_of_siblings();
    const char first = text_[piece.content];
    return first == '"' ? Quotes::doubled : first == '\'' ? Quotes::single : quotes_of_siblings();
  }

  void replace_value(const PieceMember& member, const FieldValue& value) {
    const auto& old = *member.value;
    refuse_anchor(old);
    if (old.tagged) {
      fail(old.begin, "the value has a tag (!)", "remove the tag, or change the value by hand");
    }
    if (old.is_list() && value.kind == FieldValue::Kind::list && edit_list(old, value.items))
      return;
    const bool in_lines = !map_->flow && block_levels() > 0 &&
                          value.kind == FieldValue::Kind::map && !value.members.empty();
    if (in_lines) {
      replace_by_lines(member, value);
      return;
    }
    const auto written = write_flow(value, quotes_of(old), map_->flow);
    const bool is_block = (old.is_map() || old.is_list()) && !old.flow;
    if (member.colon == npos) {
      splices_.insert(member.key_end, ": " + written);
    } else if (old.is_empty()) {
      splices_.insert(member.colon + 1, " " + written);
    } else if (is_block) {
      splices_.insert(member.colon + 1, " " + written);
      splices_.erase(line_begin(text_, old.begin), behind_line(text_, old.end));
    } else {
      splices_.replace(old.begin, old.end, written);
    }
  }

  /// A section or an entry that was empty.
  void replace_by_lines(const PieceMember& member, const FieldValue& value) {
    const auto& old = *member.value;
    if (!old.is_empty()) splices_.erase(member.colon + 1, old.end);
    const auto column = column_of(text_, member.begin);
    const auto step = indent_step();
    std::string lines;
    for (const auto& [key, inner] : value.members) {
      lines += block_member(key, inner, column + step, step, block_levels() - 1);
    }
    splices_.insert_lines(behind_line(text_, old.end), lines);
  }

  /// True when the items that stay could be left where they are.
  bool edit_list(const Piece& list, const std::vector<FieldValue>& wanted) {
    std::vector<FlowElement> elements;
    std::vector<std::string_view> kept;
    std::unordered_set<std::string_view> names;
    for (const auto& value : wanted) {
      if (!value.is_scalar() || !names.insert(value.text).second) return false;
    }
    for (const auto& item : list.items) {
      if (item->kind != Piece::Kind::scalar || item->anchored || item->tagged) return false;
      const bool stays = names.contains(item->text);
      if (stays) kept.push_back(item->text);
      elements.push_back(FlowElement{item->begin, item->end, !stays});
    }
    if (kept.empty() || kept.size() > wanted.size()) return false;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (kept[i] != wanted[i].text) return false;
    }
    const std::vector<FieldValue> added{wanted.begin() + static_cast<std::ptrdiff_t>(kept.size()),
                                        wanted.end()};
    if (list.flow) {
      edit_flow_list(list, elements, added);
      return true;
    }
    return edit_block_list(list, elements, added);
  }

  void edit_flow_list(const Piece& list,
                      const std::vector<FlowElement>& elements,
                      const std::vector<FieldValue>& added) {
    const auto stays = [](const FlowElement& element) { return !element.goes; };
    const auto last = std::find_if(elements.rbegin(), elements.rend(), stays);
    std::string written;
    for (const auto& value : added) written += ", " + write_flow(value, quotes_of_siblings(), true);
    // Before what goes behind it, so that the two do not overlap.
    if (!written.empty()) splices_.insert(last->end, written);
    erase_from_flow(text_, list.content, list.end, elements, splices_);
  }

  bool edit_block_list(const Piece& list,
                       const std::vector<FlowElement>& elements,
                       const std::vector<FieldValue>& added) {
    const auto column = column_of(text_, list.content);
    for (const auto& element : elements) {
      const auto begin = line_begin(text_, element.begin);
      if (text_.find_first_not_of(' ', begin) != begin + column) return false;
    }
    for (const auto& element : elements) {
      const auto begin = line_begin(text_, element.begin);
      if (element.goes) splices_.erase(begin, behind_line(text_, element.end));
    }
    std::string lines;
    for (const auto& value : added) {
      lines += fmt::format(
          "{:{}}- {}{}", "", column, write_flow(value, Quotes::as_needed, false), break_);
    }
    if (!lines.empty()) splices_.insert_lines(behind_line(text_, elements.back().end), lines);
    return true;
  }

  void remove_from_flow(const PieceMember& gone) {
    std::vector<FlowElement> elements;
    for (const auto& member : map_->members) {
      const auto end = std::max(member.key_end, member.value->end);
      elements.push_back(FlowElement{member.begin, end, &member == &gone});
    }
    erase_from_flow(text_, map_->content, map_->end, elements, splices_);
  }

  void remove_from_block(const PieceMember& gone) {
    const auto begin = line_begin(text_, gone.begin);
    if (text_.find_first_not_of(' ', begin) != gone.begin) {
      fail(gone.begin, "it is not the first in its line", "");
    }
    if (map_->members.size() == 1) {
      if (owner_ == nullptr) fail(gone.begin, "it is all that the file has", "");
      splices_.insert(owner_->colon + 1, " {}");
    }
    splices_.erase(begin, behind_line(text_, gone.value->end));
  }

  std::string_view text_;
  std::string_view file_;
  std::size_t depth_;
  std::string_view break_;
  PiecePtr root_;
  Splices splices_;
  const Piece* map_ = nullptr;          ///< that is edited; null: the file has nothing in it
  const PieceMember* owner_ = nullptr;  ///< whose value it is; null: the root
};

}  // namespace

std::string set_member(std::string_view text,
                       std::string_view file,
                       const Path& map,
                       const std::string& key,
                       const FieldValue& value) {
  return Rewriter{text, file, map}.set(key, value);
}

std::string remove_member(std::string_view text,
                          std::string_view file,
                          const Path& map,
                          const std::string& key) {
  return Rewriter{text, file, map}.remove(key);
}

}  // namespace portoser::registry
