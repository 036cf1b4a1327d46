#include "controller/registry/secrets.h"

#include "controller/registry/masked.h"
#include "controller/registry/splices.h"
#include "controller/registry/value.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace portoser::registry {
namespace {

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
    collect_anchors(root);
    collect_aliases(root, false);
    while (!pending_.empty()) {
      const auto name = pending_.back();
      pending_.pop_back();
      if (!names_.insert(name).second) continue;
      const auto [begin, end] = anchors_.equal_range(name);
      for (auto anchor = begin; anchor != end; ++anchor) collect_aliases(*anchor->second, true);
    }
    visit(root, false);
    return std::move(found_);
  }

 private:
  void collect_anchors(const Piece& piece) {
    if (piece.anchored) anchors_.emplace(anchor_of(piece, text_), &piece);
    for (const auto& item : piece.items) collect_anchors(*item);
    for (const auto& member : piece.members) collect_anchors(*member.value);
  }

  /// What is named by an alias in a secret is a secret where its anchor stands.
  void collect_aliases(const Piece& piece, bool is_secret) {
    if (is_secret && piece.kind == Piece::Kind::alias) {
      pending_.push_back(name_at(text_, piece.begin));
    }
    for (const auto& item : piece.items) collect_aliases(*item, is_secret);
    for (const auto& member : piece.members) {
      collect_aliases(*member.value, is_secret || looks_secret(member.key));
    }
  }

  void visit(const Piece& piece, bool is_secret) {
    const bool has_value = piece.kind != Piece::Kind::null && piece.kind != Piece::Kind::alias;
    if (has_value && (is_secret || names_.contains(anchor_of(piece, text_)))) {
      found_.push_back(SecretPlace{piece.content, piece.end, std::string{mask}, false});
      return;
    }
    if (piece.kind == Piece::Kind::scalar) {
      auto shown = mask_text(piece.text);
      if (shown != piece.text) {
        found_.push_back(SecretPlace{piece.content, piece.end, std::move(shown), false});
      }
    }
    for (const auto& item : piece.items) visit(*item, false);
    for (const auto& member : piece.members) visit(*member.value, looks_secret(member.key));
  }

  std::string_view text_;
  std::multimap<std::string_view, const Piece*> anchors_;
  std::vector<std::string_view> pending_;
  std::set<std::string_view> names_;
  std::vector<SecretPlace> found_;
};

/// Keys and scalars, in which a "#" is no comment.
void collect_texts(const Piece& piece, std::vector<std::pair<std::size_t, std::size_t>>& texts) {
  if (piece.kind == Piece::Kind::scalar) texts.emplace_back(piece.content, piece.end);
  for (const auto& item : piece.items) collect_texts(*item, texts);
  for (const auto& member : piece.members) {
    texts.emplace_back(member.begin, member.key_end);
    collect_texts(*member.value, texts);
  }
}

}  // namespace

std::vector<SecretPlace> secrets_in(std::string_view text, const Piece& root) {
  auto found = SecretFinder{text}.find(root);
  for (const auto& comment : comments_in(text, root)) {
    const auto written = text.substr(comment.begin, comment.end - comment.begin);
    auto shown = mask_line(written);
    if (shown != written) {
      found.push_back(SecretPlace{comment.begin, comment.end, std::move(shown), true});
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

MaskedText hide_secrets(std::string_view text, const Piece& root) {
  MaskedText masked;
  std::size_t at = 0;
  for (auto& secret : secrets_in(text, root)) {
    masked.text += text.substr(at, secret.begin - at);
    at = secret.end;
    const auto begin = masked.text.size();
    const auto quotes = secret.shown == mask ? Quotes::doubled : Quotes::as_needed;
    masked.text += secret.is_comment ? secret.shown : write_text(secret.shown, quotes, true);
    masked.hidden.push_back(HiddenPlace{begin, masked.text.size(), std::move(secret)});
  }
  masked.text += text.substr(at);
  return masked;
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

}  // namespace portoser::registry
