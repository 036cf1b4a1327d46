#include "controller/registry/masked_text.h"

#include "controller/registry/masked.h"
#include "controller/registry/secrets.h"
#include "controller/registry/splices.h"
#include "controller/registry/text.h"
#include "controller/registry/tree.h"
#include "controller/registry/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace portoser::registry {
namespace {

constexpr std::string_view file_in_messages = "registry.yml";

/// Null when it is no YAML, or nothing.
PiecePtr layout_if_any(std::string_view content) {
  try {
    check_characters(content, file_in_messages);
    parse_tree(content, file_in_messages);
    return parse_layout(content, file_in_messages);
  } catch (const Error&) {
    return nullptr;
  }
}

/// For a text without a layout: one that could be put in force all the same is refused, since
/// nobody knows what its masks stand for.
void require_no_yaml(std::string_view content) {
  try {
    check_characters(content, file_in_messages);
    if (!parse_tree(content, file_in_messages)) return;
  } catch (const Error&) {
    return;
  }
  throw Error{Code::invalid,
              "the text has secrets as \"***\" and a spelling that keeps them from being put back",
              "body.text"}
      .reason("MASKED_SECRET")
      .hint("write keys as \"key: value\", or the secrets themselves");
}

/// Line by line, for a text that is no YAML. What is further in than a secret key goes with it.
std::string masked_lines(std::string_view text) {
  std::string shown;
  std::size_t secret_column = std::string_view::npos;
  while (!text.empty()) {
    const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto line = text.substr(0, length);
    text.remove_prefix(length);
    const auto column = line.find_first_not_of(" \t\r\n");
    if (column == std::string_view::npos) {
      shown += line;
      continue;
    }
    const auto end = line.find_last_not_of("\r\n") + 1;
    if (secret_column != std::string_view::npos && column > secret_column) {
      shown += line.substr(0, column);
      shown += mask;
    } else {
      shown += mask_line(line.substr(0, end));
      const auto colon = line.find(':');
      const bool is_secret = colon != std::string_view::npos && looks_secret(line.substr(0, colon));
      secret_column = is_secret ? column : std::string_view::npos;
    }
    shown += line.substr(end);
  }
  return shown;
}

/// Puts what was hidden back.
class Unmasker {
 public:
  Unmasker(std::string_view text, std::string_view before, const Piece* old)
      : text_(text), before_(before), splices_(text) {
    if (old == nullptr) return;
    secrets_ = secrets_in(before, *old);
    for (const auto& secret : secrets_) {
      if (!secret.is_comment()) by_path_.emplace(secret.path, &secret);
    }
    for (const auto& scalar : scalars_in(*old)) literal_.emplace(scalar.path, scalar.piece->text);
  }

  std::string apply(const Piece& root) {
    for (const auto& scalar : scalars_in(root)) put_back(scalar);
    put_back_comments(root);
    return splices_.apply();
  }

 private:
  static bool is_mask(const ScalarPlace& scalar) {
    const auto& text = scalar.piece->text;
    const bool is_value = looks_secret(scalar.key) && text == mask;
    const bool is_part = text.find(":***@") != std::string::npos || text.ends_with("=***");
    return is_value || (is_part && mask_text(text) == text);
  }

  void put_back(const ScalarPlace& scalar) {
    const auto& text = scalar.piece->text;
    if (text.find(mask) == std::string::npos) return;
    const auto same_path = by_path_.find(scalar.path);
    if (same_path != by_path_.end() && same_path->second->shown == text) {
      replace(scalar, *same_path->second);
      return;
    }
    const auto literal = literal_.find(scalar.path);
    const bool was_so = literal != literal_.end() && literal->second == text;
    if (was_so || !is_mask(scalar)) return;
    if (const auto* moved = in_the_same_list(scalar)) {
      replace(scalar, *moved);
      return;
    }
    const auto at = where(file_in_messages, mark_of(text_, scalar.piece->begin));
    throw Error{
        Code::invalid,
        fmt::format(
            "{}: \"{}\" stands for a secret that registry.yml does not have here", at, text),
        "body.text"}
        .reason("MASKED_SECRET")
        .hint("write the value itself, or leave the entry under the name that it had");
  }

  /// Items may have moved: the only one of the list that is shown so.
  [[nodiscard]] const SecretPlace* in_the_same_list(const ScalarPlace& scalar) const {
    if (!scalar.key.empty()) return nullptr;
    const SecretPlace* found = nullptr;
    for (const auto& secret : secrets_) {
      const bool is_sibling = secret.path.size() > scalar.parent.size() &&
                              secret.path.starts_with(scalar.parent) &&
                              secret.path.find_last_of('\x1f') == scalar.parent.size();
      if (!is_sibling || secret.shown != scalar.piece->text) continue;
      if (found != nullptr) return nullptr;
      found = &secret;
    }
    return found;
  }

  void replace(const ScalarPlace& scalar, const SecretPlace& secret) {
    splices_.replace(scalar.piece->content,
                     scalar.piece->end,
                     std::string{before_.substr(secret.begin, secret.end - secret.begin)});
  }

  /// Comments have no path: those that are shown alike are taken in their order.
  void put_back_comments(const Piece& root) {
    std::map<std::string_view, std::vector<CommentPlace>> here;
    for (const auto& comment : comments_in(text_, root)) {
      here[text_.substr(comment.begin, comment.end - comment.begin)].push_back(comment);
    }
    std::map<std::string_view, std::vector<const SecretPlace*>> hidden;
    for (const auto& secret : secrets_) {
      if (secret.is_comment()) hidden[secret.shown].push_back(&secret);
    }
    for (const auto& [shown, originals] : hidden) {
      const auto found = here.find(shown);
      if (found == here.end()) continue;
      const bool are_alike =
          std::all_of(originals.begin(), originals.end(), [&](const SecretPlace* one) {
            return bytes_of(*one) == bytes_of(*originals.front());
          });
      if (found->second.size() != originals.size() && !are_alike) {
        const auto at = where(file_in_messages, mark_of(text_, found->second.front().begin));
        throw Error{Code::invalid,
                    fmt::format("{}: it is not clear which of several comments this one was", at),
                    "body.text"}
            .reason("MASKED_SECRET")
            .hint("leave all of them, or write what is to stand there");
      }
      for (std::size_t i = 0; i < found->second.size(); ++i) {
        const auto& place = found->second[i];
        const auto* original = originals[std::min(i, originals.size() - 1)];
        splices_.replace(place.begin, place.end, std::string{bytes_of(*original)});
      }
    }
  }

  [[nodiscard]] std::string_view bytes_of(const SecretPlace& secret) const {
    return before_.substr(secret.begin, secret.end - secret.begin);
  }

  std::string_view text_;
  std::string_view before_;
  Splices splices_;
  std::vector<SecretPlace> secrets_;
  std::map<std::string, const SecretPlace*, std::less<>> by_path_;
  std::map<std::string, std::string, std::less<>> literal_;
};

}  // namespace

std::string masked_text(std::string_view text) {
  const auto content = without_bom(text);
  const auto root = layout_if_any(content);
  const auto bom = std::string{text.substr(0, text.size() - content.size())};
  if (!root) return bom + masked_lines(content);
  Splices splices{content};
  for (const auto& secret : secrets_in(content, *root)) {
    const auto quotes = secret.shown == mask ? Quotes::doubled : Quotes::as_needed;
    splices.replace(secret.begin,
                    secret.end,
                    secret.is_comment() ? secret.shown : write_text(secret.shown, quotes, true));
  }
  return bom + splices.apply();
}

std::string unmasked_text(const std::string& text, const std::string& before) {
  if (text.find(mask) == std::string::npos) return text;
  const auto content = without_bom(text);
  const auto root = layout_if_any(content);
  if (!root) {
    require_no_yaml(content);
    return text;  // whoever reads it says what is wrong with it
  }
  const auto old_content = without_bom(before);
  const auto old = layout_if_any(old_content);
  const auto bom = text.substr(0, text.size() - content.size());
  return bom + Unmasker{content, old_content, old.get()}.apply(*root);
}

}  // namespace portoser::registry
