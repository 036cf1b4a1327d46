#include "controller/registry/content_revision.h"

#include "common/crypto.h"
#include "common/ids.h"

#include <fmt/format.h>

namespace portoser::registry {
namespace {

/// Lengths go before texts, so that no two contents are written alike.
void write_content(const Node& node, std::string& out) {
  const auto add = [&out](char kind, std::string_view text, std::size_t count) {
    out += fmt::format("{}{}:{}:{}", kind, count, text.size(), text);
  };
  switch (node.kind) {
    case Node::Kind::null:
      add('0', "", 0);
      break;
    case Node::Kind::scalar:
      add(node.plain ? 'p' : 'q', node.text, 0);
      break;
    case Node::Kind::list:
      add('l', "", node.items.size());
      for (const auto& item : node.items) write_content(*item, out);
      break;
    case Node::Kind::map:
      add('m', "", node.members.size());
      for (const auto& member : node.members) {
        add('k', member.key, 0);
        write_content(*member.value, out);
      }
      break;
  }
}

}  // namespace

std::string content_revision(const Node& node) {
  static const auto salt = random_bytes(32);
  std::string content;
  write_content(node, content);
  return to_hex(hmac_sha256(salt, content)).substr(0, 16);
}

}  // namespace portoser::registry
