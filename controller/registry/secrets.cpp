#include "controller/registry/secrets.h"

#include "controller/registry/masked.h"
#include "controller/registry/splices.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace portoser::registry {
namespace {

/// Keys may hold any character but this.
constexpr char divider = '\x1f';

std::string below(const std::string& path, std::string_view key) {
  return path + divider + std::string{key};
}

/// The name behind a "&" or "*".
std::string_view name_at(std::string_view text, std::size_t offset) {
  const auto begin = offset + 1;
  return text.substr(begin, text.find_first_of(" \t\r\n,]}", begin) - begin);
}

std::string_view anchor_of(const Piece& piece, std::string_view text) {
  const auto at = text.substr(0, std::max(piece.content, piece.begin)).find('&', piece.begin);
  return piece.anchored && at != npos ? name_at(text, at) : std::string_view{};
}

class SecretFinder {
 public:
  explicit SecretFinder(std::string_view text) : text_(text) {}

  std::vector<SecretPlace> find(const Piece& root) {
    collect_names(root);
    visit(root, "", false);
    return std::move(found_);
  }

 private:
  /// What a secret key names by an alias is a secret where its anchor stands.
  void collect_names(const Piece& piece) {
    for (const auto& item : piece.items) collect_names(*item);
    for (const auto& member : piece.members) {
      const auto& value = *member.value;
      if (looks_secret(member.key) && value.kind == Piece::Kind::alias) {
        names_.insert(name_at(text_, value.begin));
      }
      collect_names(value);
    }
  }

  void visit(const Piece& piece, const std::string& path, bool is_secret) {
    const bool has_value = piece.kind != Piece::Kind::null && piece.kind != Piece::Kind::alias;
    if (has_value && (is_secret || names_.contains(anchor_of(piece, text_)))) {
      found_.push_back(SecretPlace{path, piece.content, piece.end, std::string{mask}});
      return;
    }
    if (piece.kind == Piece::Kind::scalar) {
      auto shown = mask_text(piece.text);
      if (shown != piece.text) {
        found_.push_back(SecretPlace{path, piece.content, piece.end, std::move(shown)});
      }
    }
    std::size_t index = 0;
    for (const auto& item : piece.items)
      visit(*item, below(path, fmt::format("[{}]", index++)), false);
    for (const auto& member : piece.members) {
      visit(*member.value, below(path, member.key), looks_secret(member.key));
    }
  }

  std::string_view text_;
  std::set<std::string_view> names_;
  std::vector<SecretPlace> found_;
};

void collect_scalars(const Piece& piece,
                     const std::string& path,
                     const std::string& parent,
                     std::string_view key,
                     std::vector<ScalarPlace>& found) {
  if (piece.kind == Piece::Kind::scalar) found.push_back(ScalarPlace{path, parent, key, &piece});
  std::size_t index = 0;
  for (const auto& item : piece.items) {
    collect_scalars(*item, below(path, fmt::format("[{}]", index++)), path, {}, found);
  }
  for (const auto& member : piece.members) {
    collect_scalars(*member.value, below(path, member.key), path, member.key, found);
  }
}

/// Keys and scalars, in which a "#" is no comment.
void collect_texts(const Piece& piece, std::vector<std::pair<std::size_t, std::size_t>>& texts) {
  if (piece.kind == Piece::Kind::scalar) texts.emplace_back(piece.content, piece.end);
  for (const auto& item : piece.items) collect_texts(*item, texts);
  for (const auto& member : piece.members) {
    texts.emplace_back(member.begin, member.key_end);
    collect_texts(*member.value, texts);
  }
}

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

/// The word that ends before `end`, quotes and blanks between the two left out.
std::string_view word_before(std::string_view line, std::size_t end) {
  while (end > 0 && !is_word_character(line[end - 1]) &&
         std::string_view{" \t'\""}.find(line[end - 1]) != npos) {
    --end;
  }
  auto begin = end;
  while (begin > 0 && is_word_character(line[begin - 1])) --begin;
  return line.substr(begin, end - begin);
}

}  // namespace

std::vector<SecretPlace> secrets_in(std::string_view text, const Piece& root) {
  auto found = SecretFinder{text}.find(root);
  for (const auto& comment : comments_in(text, root)) {
    const auto written = text.substr(comment.begin, comment.end - comment.begin);
    auto shown = mask_line(written);
    if (shown != written) {
      found.push_back(SecretPlace{"", comment.begin, comment.end, std::move(shown)});
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const SecretPlace& a, const SecretPlace& b) {
    return a.begin < b.begin;
  });
  // A comment inside a value that is hidden as a whole.
  std::size_t end = 0;
  std::erase_if(found, [&end](const SecretPlace& place) {
    if (place.begin < end) return true;
    end = place.end;
    return false;
  });
  return found;
}

std::vector<ScalarPlace> scalars_in(const Piece& root) {
  std::vector<ScalarPlace> found;
  collect_scalars(root, "", "", {}, found);
  return found;
}

std::vector<CommentPlace> comments_in(std::string_view text, const Piece& root) {
  std::vector<std::pair<std::size_t, std::size_t>> texts;
  collect_texts(root, texts);
  std::sort(texts.begin(), texts.end());
  std::vector<CommentPlace> found;
  auto next = texts.begin();
  for (std::size_t at = 0; at < text.size(); ++at) {
    while (next != texts.end() && next->second <= at) ++next;
    if (next != texts.end() && next->first <= at) {
      at = next->second - 1;
      continue;
    }
    const bool begins =
        text[at] == '#' && (at == 0 || std::string_view{" \t\r\n"}.find(text[at - 1]) != npos);
    if (!begins) continue;
    auto end = std::min(text.find('\n', at), text.size());
    if (end > at && text[end - 1] == '\r') --end;
    found.push_back(CommentPlace{at, end});
    at = end;
  }
  return found;
}

std::string mask_line(std::string_view line) {
  for (auto at = line.find_first_of(":="); at != npos; at = line.find_first_of(":=", at + 1)) {
    const auto value = line.find_first_not_of(" \t'\"", at + 1);
    if (value == npos) break;
    const bool is_url = line.substr(at).starts_with("://");
    if (!is_url && looks_secret(word_before(line, at))) {
      return mask_line(line.substr(0, at)) + std::string{line.substr(at, 1)} + " " +
             std::string{mask};
    }
  }
  std::string shown;
  for (std::size_t at = 0; at < line.size();) {
    const auto blank = std::min(line.find_first_of(" \t", at), line.size());
    shown += mask_text(std::string{line.substr(at, blank - at)});
    const auto word = std::min(line.find_first_not_of(" \t", blank), line.size());
    shown += line.substr(blank, word - blank);
    at = word;
  }
  return shown;
}

}  // namespace portoser::registry
