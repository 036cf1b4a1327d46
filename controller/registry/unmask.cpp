#include "controller/registry/unmask.h"

#include "controller/registry/comment_places.h"
#include "controller/registry/masked.h"
#include "controller/registry/secrets.h"
#include "controller/registry/splices.h"
#include "controller/registry/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace portoser::registry {
namespace {

constexpr std::string_view registry_file = "registry.yml";
constexpr std::string_view write_it = "write the value itself, or leave the entry as it was";

PiecePtr layout_or_null(std::string_view text) {
  try {
    return parse_layout(text, registry_file);
  } catch (const Error&) {
    return nullptr;
  }
}

bool is_plain(const Piece& scalar, std::string_view text) {
  return std::string_view{"'\"|>"}.find(text[scalar.content]) == npos;
}

/// Two pieces of two texts that say the same; anchors of the pieces themselves do not count.
bool same_value(const Piece& a, std::string_view a_text, const Piece& b, std::string_view b_text) {
  if (a.kind != b.kind || a.text != b.text || a.tagged != b.tagged ||
      a.items.size() != b.items.size() || a.members.size() != b.members.size()) {
    return false;
  }
  if (a.kind == Piece::Kind::alias) {
    return a_text.substr(a.begin, a.end - a.begin) == b_text.substr(b.begin, b.end - b.begin);
  }
  if (a.kind == Piece::Kind::scalar && !a.text.empty()) {
    return is_plain(a, a_text) == is_plain(b, b_text) || !needs_quotes(a.text, false);
  }
  const auto same_below = [&](const Piece& one, const Piece& other) {
    return one.anchored == other.anchored && same_value(one, a_text, other, b_text);
  };
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same_below(*a.items[i], *b.items[i])) return false;
  }
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    if (a.members[i].key != b.members[i].key) return false;
    if (!same_below(*a.members[i].value, *b.members[i].value)) return false;
  }
  return true;
}

/// A secret as it can be written at another place: its own bytes where these mean the same there.
std::string written_at(const Piece& secret, std::string_view bytes, bool in_flow) {
  if (!in_flow || secret.kind != Piece::Kind::scalar || bytes.empty()) return std::string{bytes};
  const char first = bytes.front();
  if (first == '"' || first == '\'') return std::string{bytes};
  const bool is_block = first == '|' || first == '>';
  if (!is_block && bytes.find_first_of(",[]{}?") == npos) return std::string{bytes};
  return write_text(secret.text, is_block ? Quotes::doubled : Quotes::as_needed, true);
}

/// Walks the new text beside the masked old one.
class Unmasker {
 public:
  Unmasker(std::string_view text, const Piece& root, std::string_view before, const Piece* old)
      : text_(text), root_(root), before_(before), splices_(text) {
    for (const auto& secret : secrets_in(text, root)) secrets_here_.insert(secret.begin);
    if (old == nullptr) return;
    masked_ = hide_secrets(before, *old);
    shown_ = layout_or_null(masked_.text);
    if (!shown_) refuse(text.find(mask), "the text that was shown cannot be read as YAML");
    for (const auto& hidden : masked_.hidden) hidden_.emplace(hidden.begin, &hidden.secret);
    collect(*old);
  }

  std::string apply() {
    match(root_, shown_.get(), false);
    put_back_comments();
    auto result = splices_.apply();
    const auto after = layout_or_null(result);
    if (!after) refuse(text_.find(mask), "with its secrets put back the text would be no YAML");
    require_same(root_, *after, result);
    return result;
  }

 private:
  [[noreturn]] void refuse(std::size_t at, std::string_view message) const {
    throw masked_secret(mark_of(text_, std::min(at, text_.size())), message, write_it);
  }

  void collect(const Piece& piece) {
    old_pieces_.emplace(piece.content, &piece);
    for (const auto& item : piece.items) collect(*item);
    for (const auto& member : piece.members) collect(*member.value);
  }

  /// `was` is null where nobody can tell which of the old pieces this one is.
  void match(const Piece& here, const Piece* was, bool in_flow) {
    if (text_.substr(here.begin, here.end - here.begin).find(mask) == npos) return;
    const bool is_flow = in_flow || here.flow;
    switch (here.kind) {
      case Piece::Kind::null:
      case Piece::Kind::alias:
        break;
      case Piece::Kind::scalar:
        match_scalar(here, was, in_flow);
        break;
      case Piece::Kind::list:
        match_items(here, was != nullptr && was->is_list() ? was : nullptr, is_flow);
        break;
      case Piece::Kind::map:
        match_members(here, was != nullptr && was->is_map() ? was : nullptr, is_flow);
        break;
    }
  }

  void match_scalar(const Piece& here, const Piece* was, bool in_flow) {
    if (was != nullptr && was->kind == Piece::Kind::scalar && was->text == here.text) {
      const auto hidden = hidden_.find(was->content);
      if (hidden != hidden_.end()) put_back(here, *hidden->second, in_flow);
      return;  // stars that were there before stay
    }
    const bool is_mask =
        here.text == mask || secrets_here_.contains(here.content) || has_mask(here.text);
    if (!is_mask || here.text.find(mask) == std::string::npos) return;
    refuse(here.begin,
           fmt::format("\"{}\" stands for a secret that registry.yml does not have here",
                       here.text.substr(0, 80)));
  }

  void put_back(const Piece& here, const SecretPlace& secret, bool in_flow) {
    const auto* old = old_pieces_.at(secret.begin);
    const auto bytes = before_.substr(secret.begin, secret.end - secret.begin);
    splices_.replace(here.content, here.end, written_at(*old, bytes, in_flow));
    restored_.emplace(&here, old);
  }

  [[nodiscard]] bool is_shown_alike(const Piece& here, const Piece* was) const {
    return was != nullptr && content_of(here, text_) == content_of(*was, masked_.text);
  }

  void match_items(const Piece& here, const Piece* was, bool in_flow) {
    if (is_shown_alike(here, was)) {
      for (std::size_t i = 0; i < here.items.size(); ++i) {
        match(*here.items[i], was->items[i].get(), in_flow);
      }
      return;
    }
    // Items may have moved: each is the one that is shown so, if there is only one.
    std::unordered_map<std::string, const Piece*> old;
    if (was != nullptr) {
      for (const auto& item : was->items) {
        const auto [found, is_new] = old.emplace(content_of(*item, masked_.text), item.get());
        if (!is_new) found->second = nullptr;
      }
    }
    std::unordered_map<std::string, int> count;
    std::vector<std::string> contents;
    for (const auto& item : here.items) {
      contents.push_back(content_of(*item, text_));
      ++count[contents.back()];
    }
    for (std::size_t i = 0; i < here.items.size(); ++i) {
      const auto found = old.find(contents[i]);
      const bool is_sure = found != old.end() && count[contents[i]] == 1;
      match(*here.items[i], is_sure ? found->second : nullptr, in_flow);
    }
  }

  void match_members(const Piece& here, const Piece* was, bool in_flow) {
    const bool has_doubles = has_twins(here) || (was != nullptr && has_twins(*was));
    if (has_doubles && is_shown_alike(here, was)) {
      for (std::size_t i = 0; i < here.members.size(); ++i) {
        match(*here.members[i].value, was->members[i].value.get(), in_flow);
      }
      return;
    }
    std::unordered_map<std::string_view, const Piece*> old;
    if (was != nullptr) {
      for (const auto& member : was->members) {
        const auto [found, is_new] = old.emplace(member.key, member.value.get());
        if (!is_new) found->second = nullptr;
      }
    }
    std::unordered_map<std::string_view, int> count;
    for (const auto& member : here.members) ++count[member.key];
    for (const auto& member : here.members) {
      const auto found = old.find(member.key);
      const bool is_sure = found != old.end() && count[member.key] == 1;
      match(*member.value, is_sure ? found->second : nullptr, in_flow);
    }
  }

  void put_back_comments() {
    std::map<std::string, std::vector<CommentPlace>> here;
    for (auto& comment : masked_comments_in(text_, root_)) {
      here[std::move(comment.name)].push_back(comment.place);
    }
    std::map<std::string, std::vector<std::string_view>> originals;
    std::set<std::string_view> shown_of_secrets;
    if (shown_) {
      for (auto& [place, name] : masked_comments_in(masked_.text, *shown_)) {
        const auto shown =
            std::string_view{masked_.text}.substr(place.begin, place.end - place.begin);
        const auto hidden = hidden_.find(place.begin);
        auto bytes = shown;
        if (hidden != hidden_.end()) {
          shown_of_secrets.insert(shown);
          bytes =
              before_.substr(hidden->second->begin, hidden->second->end - hidden->second->begin);
        }
        originals[std::move(name)].push_back(bytes);
      }
    }
    for (const auto& [name, places] : here) {
      const auto first = places.front();
      const auto shown = text_.substr(first.begin, first.end - first.begin);
      if (!has_mask(shown) && !shown_of_secrets.contains(shown)) continue;
      const auto found = originals.find(name);
      if (found == originals.end() || found->second.size() != places.size()) {
        refuse(first.begin, "it is not clear which secret this comment had");
      }
      for (std::size_t i = 0; i < places.size(); ++i) {
        splices_.replace(places[i].begin, places[i].end, std::string{found->second[i]});
      }
    }
  }

  /// The result says what the new text says, and the old secrets in the places of their masks.
  void require_same(const Piece& here, const Piece& after, std::string_view result) const {
    const auto restored = restored_.find(&here);
    bool is_same = here.kind == after.kind && here.text == after.text &&
                   here.items.size() == after.items.size() &&
                   here.members.size() == after.members.size();
    if (restored != restored_.end()) {
      is_same = same_value(*restored->second, before_, after, result);
    } else if (here.kind == Piece::Kind::alias || here.kind == Piece::Kind::scalar) {
      is_same = is_same && same_value(here, text_, after, result);
    }
    if (!is_same || here.anchored != after.anchored || here.tagged != after.tagged) {
      refuse(here.begin, "the secret of this place cannot be put back in this spelling");
    }
    if (restored != restored_.end()) return;
    for (std::size_t i = 0; i < here.items.size(); ++i) {
      require_same(*here.items[i], *after.items[i], result);
    }
    for (std::size_t i = 0; i < here.members.size(); ++i) {
      if (here.members[i].key != after.members[i].key) {
        refuse(here.begin, "a secret cannot be put back in this spelling");
      }
      require_same(*here.members[i].value, *after.members[i].value, result);
    }
  }

  std::string_view text_;
  const Piece& root_;
  std::string_view before_;
  Splices splices_;
  MaskedText masked_;  ///< of the old text
  PiecePtr shown_;     ///< its layout; null: there was nothing
  std::set<std::size_t> secrets_here_;
  std::unordered_map<std::size_t, const SecretPlace*> hidden_;  ///< by places in `masked_`
  std::unordered_map<std::size_t, const Piece*> old_pieces_;    ///< by places in `before_`
  std::unordered_map<const Piece*, const Piece*> restored_;     ///< new to old
};

}  // namespace

Error masked_secret(Mark mark, std::string_view message, std::string_view hint) {
  return Error{
      Code::invalid, fmt::format("{}: {}", where(registry_file, mark), message), "body.text"}
      .reason("MASKED_SECRET")
      .hint(hint);
}

std::string put_back_secrets(std::string_view text,
                             const Piece& root,
                             std::string_view before,
                             const Piece* old) {
  return Unmasker{text, root, before, old}.apply();
}

}  // namespace portoser::registry
