// Where the pieces of a text end. yaml-cpp tells their beginnings alone, so the text is walked from
// each beginning by the rules of YAML 1.2, chapters 6 to 8. A mistake here can do no harm: whoever
// edits reads the result again and compares it with what was meant.

#include "controller/registry/layout.h"
#include "controller/registry/splices.h"

#include <algorithm>

namespace portoser::registry {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_break(char c) {
  return c == '\n' || c == '\r';
}

class EndFinder {
 public:
  EndFinder(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  /// `owner_column` is that of the key or dash that the piece belongs to, -1 for the root.
  void place(Piece& piece, bool in_flow, int owner_column) {
    piece.content = behind_properties(piece);
    switch (piece.kind) {
      case Piece::Kind::null:
        break;  // by its owner, who knows where the colon is
      case Piece::Kind::scalar:
        piece.end = scalar_end(piece.content, in_flow, owner_column);
        break;
      case Piece::Kind::alias:
        piece.end = std::min(text_.find_first_of(" \t\r\n,]}", piece.begin), text_.size());
        break;
      case Piece::Kind::list:
        if (piece.flow) {
          place_flow_list(piece);
        } else {
          place_block_list(piece);
        }
        break;
      case Piece::Kind::map:
        if (piece.flow || in_flow) {
          place_flow_map(piece);
        } else {
          place_block_map(piece);
        }
        break;
    }
  }

 private:
  [[nodiscard]] char at(std::size_t offset) const {
    return offset < text_.size() ? text_[offset] : '\0';
  }

  [[noreturn]] void fail(std::size_t offset) const {
    throw not_safe(file_,
                   mark_of(text_, offset),
                   "the text is written in a way here that the editor does not understand",
                   "edit the file by hand");
  }

  [[nodiscard]] int column(std::size_t offset) const { return mark_of_line(offset); }

  [[nodiscard]] int mark_of_line(std::size_t offset) const {
    const auto newline = offset == 0 ? npos : text_.rfind('\n', offset - 1);
    return static_cast<int>(offset - (newline == npos ? 0 : newline + 1));
  }

  /// Behind blanks, line breaks and comments.
  [[nodiscard]] std::size_t skip_layout(std::size_t offset) const {
    while (offset < text_.size()) {
      if (is_blank(text_[offset]) || is_break(text_[offset])) {
        ++offset;
      } else if (text_[offset] == '#') {
        offset = std::min(text_.find('\n', offset), text_.size());
      } else {
        break;
      }
    }
    return offset;
  }

  [[nodiscard]] std::size_t skip_blanks(std::size_t offset) const {
    while (is_blank(at(offset))) ++offset;
    return offset;
  }

  [[nodiscard]] std::size_t behind_properties(const Piece& piece) const {
    auto offset = piece.begin;
    if (piece.kind == Piece::Kind::null || piece.kind == Piece::Kind::alias) return offset;
    while (at(offset) == '&' || at(offset) == '!') {
      offset = std::min(text_.find_first_of(" \t\r\n,]}", offset), text_.size());
      offset = skip_layout(offset);
    }
    return offset;
  }

  [[nodiscard]] std::size_t scalar_end(std::size_t begin, bool in_flow, int owner_column) const {
    switch (at(begin)) {
      case '"':
      case '\'':
        return quoted_end(begin);
      case '|':
      case '>':
        return in_flow ? plain_end(begin, true, owner_column) : block_end(begin, owner_column);
      default:
        return plain_end(begin, in_flow, owner_column);
    }
  }

  [[nodiscard]] std::size_t quoted_end(std::size_t begin) const {
    const char quote = text_[begin];
    for (auto offset = begin + 1; offset < text_.size(); ++offset) {
      if (quote == '"' && text_[offset] == '\\') {
        ++offset;
      } else if (text_[offset] == quote) {
        if (quote != '\'' || at(offset + 1) != '\'') return offset + 1;
        ++offset;
      }
    }
    fail(begin);
  }

  /// Of plain text in the line in which `begin` is; `stopped` when something but the line's end
  /// ended it.
  [[nodiscard]] std::size_t plain_line_end(std::size_t begin, bool in_flow, bool& stopped) const {
    stopped = true;
    auto last = begin;
    for (auto offset = begin; offset < text_.size(); ++offset) {
      const char c = text_[offset];
      if (is_break(c)) break;
      if (is_blank(c)) continue;
      if (c == '#' && offset > begin && is_blank(text_[offset - 1])) return last;
      if (in_flow && std::string_view{",[]{}"}.find(c) != npos) return last;
      const char next = at(offset + 1);
      const bool ends_key = next == '\0' || is_blank(next) || is_break(next) ||
                            (in_flow && std::string_view{",[]{}"}.find(next) != npos);
      if (c == ':' && ends_key) return last;
      last = offset + 1;
    }
    stopped = false;
    return last;
  }

  [[nodiscard]] std::size_t plain_end(std::size_t begin, bool in_flow, int owner_column) const {
    bool stopped = false;
    auto end = plain_line_end(begin, in_flow, stopped);
    while (!stopped) {
      // It may go on in the next line that is not empty.
      auto next = end;
      while (next < text_.size() && (is_blank(text_[next]) || is_break(text_[next]))) ++next;
      const bool goes_on = next < text_.size() && text_[next] != '#' &&
                           (in_flow ? std::string_view{",[]{}"}.find(text_[next]) == npos
                                    : column(next) > owner_column);
      if (!goes_on) break;
      const auto line_end = plain_line_end(next, in_flow, stopped);
      if (line_end == next) break;
      end = line_end;
    }
    return end;
  }

  /// Literal and folded text: all lines that are empty or further in than its owner.
  [[nodiscard]] std::size_t block_end(std::size_t begin, int owner_column) const {
    auto line = text_.find('\n', begin);
    auto end = std::min(line, text_.size());
    const auto header = text_.substr(begin, end - begin);
    const bool keeps_empty_lines = header.substr(0, header.find('#')).find('+') != npos;
    if (end > begin && text_[end - 1] == '\r') --end;
    while (line != npos && line + 1 < text_.size()) {
      const auto start = line + 1;
      line = text_.find('\n', start);
      const auto stop = std::min(line, text_.size());
      auto first = start;
      while (first < stop && text_[first] == ' ') ++first;
      const bool is_empty = text_.substr(first, stop - first).find_first_not_of(" \t\r") == npos;
      if (!is_empty && static_cast<int>(first - start) <= owner_column) break;
      if (!is_empty || keeps_empty_lines) {
        end = stop > start && text_[stop - 1] == '\r' ? stop - 1 : stop;
      }
    }
    return end;
  }

  /// A value that is not there, or is "~" or "null", behind the colon or dash before `offset`.
  void place_null(Piece& piece, std::size_t offset, bool in_flow) const {
    piece.begin = piece.content = piece.end = offset;
    const auto first = skip_blanks(offset);
    const char c = at(first);
    if (c == '\0' || is_break(c) || c == '#') return;
    if (in_flow && (c == ',' || c == ']' || c == '}')) return;
    if (c == '&' || c == '!') {
      piece.anchored = piece.anchored || c == '&';
      piece.tagged = piece.tagged || c == '!';
      piece.begin = first;
      piece.end = std::min(text_.find_first_of(" \t\r\n,]}", first), text_.size());
      return;
    }
    bool stopped = false;
    piece.begin = piece.content = first;
    piece.end = plain_line_end(first, in_flow, stopped);
  }

  void place_value(PieceMember& member, std::size_t behind, bool in_flow, int owner_column) {
    if (member.value->kind == Piece::Kind::null) {
      place_null(*member.value, behind, in_flow);
    } else {
      place(*member.value, in_flow, owner_column);
    }
  }

  void place_block_map(Piece& piece) {
    if (piece.members.empty()) fail(piece.begin);
    for (auto& member : piece.members) {
      member.key_end = key_end(member, false);
      auto colon = skip_blanks(member.key_end);
      if (at(colon) != ':') {
        member.odd = true;
        colon = skip_layout(colon);
        const bool is_alone = at(colon) != ':' && member.value->kind == Piece::Kind::null;
        if (is_alone) {  // "? key" and nothing behind it
          auto& value = *member.value;
          value.begin = value.content = value.end = piece.end = member.key_end;
          continue;
        }
        if (at(colon) != ':') fail(member.begin);
      }
      member.colon = colon;
      place_value(member, colon + 1, false, column(member.begin));
      piece.end = member.value->end;
    }
  }

  [[nodiscard]] std::size_t key_end(const PieceMember& member, bool in_flow) const {
    auto begin = member.begin;
    while (at(begin) == '&' || at(begin) == '!') {
      begin = std::min(text_.find_first_of(" \t\r\n", begin), text_.size());
      begin = skip_layout(begin);
    }
    const char first = at(begin);
    if (first == '"' || first == '\'') return quoted_end(begin);
    if (first == '*') return std::min(text_.find_first_of(" \t\r\n,]}", begin), text_.size());
    bool stopped = false;
    return plain_line_end(begin, in_flow, stopped);
  }

  void place_block_list(Piece& piece) {
    auto offset = piece.content;
    for (auto& item : piece.items) {
      offset = skip_layout(offset);
      if (at(offset) != '-') fail(offset);
      const auto dash = offset;
      if (item->kind == Piece::Kind::null) {
        place_null(*item, dash + 1, false);
      } else {
        place(*item, false, column(dash));
      }
      offset = piece.end = item->end;
    }
  }

  void place_flow_list(Piece& piece) {
    if (at(piece.content) != '[') fail(piece.content);
    auto offset = piece.content + 1;
    for (auto& item : piece.items) {
      offset = skip_layout(offset);
      if (item->kind == Piece::Kind::null) {
        place_null(*item, offset, true);
      } else {
        place(*item, true, -1);
      }
      offset = behind_comma(item->end);
    }
    piece.end = behind_bracket(offset, ']');
  }

  void place_flow_map(Piece& piece) {
    const bool has_braces = at(piece.content) == '{';
    auto offset = has_braces ? piece.content + 1 : piece.content;
    for (auto& member : piece.members) {
      if (at(skip_layout(offset)) == '?') member.odd = true;
      member.key_end = key_end(member, true);
      const auto colon = skip_layout(member.key_end);
      const bool has_colon = at(colon) == ':';
      if (has_colon) member.colon = colon;
      place_value(member, has_colon ? colon + 1 : member.key_end, true, -1);
      piece.end = member.value->end;
      if (has_braces) offset = behind_comma(member.value->end);
    }
    if (has_braces) {
      piece.end = behind_bracket(offset, '}');
    } else if (piece.members.empty()) {
      fail(piece.content);
    }
  }

  [[nodiscard]] std::size_t behind_comma(std::size_t offset) const {
    const auto next = skip_layout(offset);
    return at(next) == ',' ? next + 1 : offset;
  }

  [[nodiscard]] std::size_t behind_bracket(std::size_t offset, char bracket) const {
    const auto next = skip_layout(offset);
    if (at(next) != bracket) fail(next);
    return next + 1;
  }

  std::string_view text_;
  std::string_view file_;
};

}  // namespace

void place_ends(Piece& root, std::string_view text, std::string_view file) {
  EndFinder{text, file}.place(root, false, -1);
}

}  // namespace portoser::registry
