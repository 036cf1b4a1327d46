#include "controller/registry/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace portoser::registry {
namespace {

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_nodes = 500'000;

Mark to_mark(const YAML::Mark& mark) {
  return Mark{std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1};
}

/// Builds the tree from yaml-cpp's events, which carry exact places; its `YAML::Node` loses those
/// of empty values and hides duplicate keys.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  [[nodiscard]] NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) {
      throw refusal(file_,
                    to_mark(mark),
                    "there is a second YAML document",
                    "a registry is one document: remove the line \"---\" or \"...\" before it");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!frames_.empty() && frames_.back().key && frames_.back().key->position == mark.pos) {
      throw refusal(file_,
                    frames_.back().key->mark,
                    fmt::format("there is no colon after \"{}\"", frames_.back().key->text),
                    "write \"key: value\"; a file that ends here was saved only in part");
    }
    finish_leaf(leaf(Node::Kind::null, mark), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) {
      throw refusal(file_,
                    to_mark(mark),
                    "this alias stands inside its own anchor",
                    "an alias (*name) may only repeat what is complete before it");
    }
    spend(target->second->weight, to_mark(mark));
    attach(target->second, mark);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = leaf(Node::Kind::scalar, mark);
    node->text = value;
    node->plain = tag == "?";
    check_quote_is_closed(mark);
    finish_leaf(std::move(node), anchor, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& /*tag*/,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& /*tag*/,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::map, mark, anchor);
  }
  void OnMapEnd() override {
    merge(*frames_.back().node);
    close();
  }

 private:
  struct Key {
    std::string text;
    Mark mark;
    int position = 0;
    bool plain = true;
  };
  struct Frame {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<Key> key;  ///< map: a key that waits for its value
  };

  std::shared_ptr<Node> leaf(Node::Kind kind, const YAML::Mark& mark) {
    spend(1, to_mark(mark));
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mark = place_of(kind, mark);
    return node;
  }

  /// yaml-cpp puts an empty value behind where it would be, on the next line or later.
  [[nodiscard]] Mark place_of(Node::Kind kind, const YAML::Mark& mark) const {
    const bool has_key = !frames_.empty() && frames_.back().key.has_value();
    return kind == Node::Kind::null && has_key ? frames_.back().key->mark : to_mark(mark);
  }

  void finish_leaf(std::shared_ptr<Node> node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) {
      anchors_[anchor] = node;
    }
    attach(std::move(node), mark);
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (frames_.size() >= max_depth) {
      throw refusal(file_,
                    to_mark(mark),
                    "the file is nested too deeply",
                    fmt::format("at most {} levels are read", max_depth));
    }
    frames_.push_back(Frame{leaf(kind, mark), anchor, mark, std::nullopt});
  }

  void close() {
    auto frame = std::move(frames_.back());
    frames_.pop_back();
    for (const auto& item : frame.node->items) {
      frame.node->weight += item->weight;
    }
    for (const auto& member : frame.node->members) {
      frame.node->weight += member.value->weight;
    }
    if (frame.anchor != 0) {
      anchors_[frame.anchor] = frame.node;
    }
    attach(std::move(frame.node), frame.mark);
  }

  void attach(NodePtr node, const YAML::Mark& mark) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& frame = frames_.back();
    if (frame.node->is_list()) {
      frame.node->items.push_back(std::move(node));
    } else if (frame.key) {
      frame.node->members.push_back(
          Member{std::move(frame.key->text), frame.key->mark, std::move(node), false});
      frame.key.reset();
    } else if (node->is_scalar()) {
      frame.key = Key{node->text, to_mark(mark), mark.pos, node->plain};
    } else {
      throw refusal(file_,
                    to_mark(mark),
                    fmt::format("a key is {} here", kind_name(*node)),
                    "a key is a word, such as \"port\"");
    }
  }

  /// https://yaml.org/type/merge.html: own keys win, then the first map of the list.
  void merge(Node& map) {
    const auto is_merge = [](const Member& member) {
      return member.key == "<<" &&
             (member.value->is_map() ||
              (member.value->is_list() &&
               std::all_of(member.value->items.begin(),
                           member.value->items.end(),
                           [](const NodePtr& item) { return item->is_map(); })));
    };
    if (std::none_of(map.members.begin(), map.members.end(), is_merge)) {
      return;
    }
    std::vector<Member> own;
    std::vector<NodePtr> sources;
    for (auto& member : map.members) {
      if (!is_merge(member)) {
        own.push_back(std::move(member));
      } else if (member.value->is_map()) {
        sources.push_back(member.value);
      } else {
        sources.insert(sources.end(), member.value->items.begin(), member.value->items.end());
      }
    }
    std::unordered_set<std::string> taken;
    for (const auto& member : own) {
      taken.insert(member.key);
    }
    for (const auto& source : sources) {
      for (const auto& member : source->members) {
        if (taken.insert(member.key).second) {
          spend(member.value->weight, member.mark);
          own.push_back(Member{member.key, member.mark, member.value, true});
        }
      }
    }
    map.members = std::move(own);
  }

  /// yaml-cpp accepts a quoted text that never ends, which is what half a file looks like.
  void check_quote_is_closed(const YAML::Mark& mark) const {
    auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
    while (at < text_.size() && (text_[at] == '&' || text_[at] == '!')) {
      at = std::min(text_.find_first_of(" \t\r\n", at), text_.size());
      at = std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
    }
    if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) {
      return;
    }
    const char quote = text_[at];
    for (++at; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        if (quote == '\'' && at + 1 < text_.size() && text_[at + 1] == '\'') {
          ++at;
        } else {
          return;
        }
      }
    }
    throw refusal(file_,
                  to_mark(mark),
                  "the quote that begins here is never closed",
                  "close it; a file that ends here was saved only in part");
  }

  void spend(std::size_t nodes, Mark mark) {
    if (nodes > budget_) {
      throw refusal(file_,
                    mark,
                    "the file holds too many values, aliases counted each time",
                    fmt::format("at most {} are read", max_nodes));
    }
    budget_ -= nodes;
  }

  std::string_view text_;
  std::string_view file_;
  NodePtr root_;
  bool started_ = false;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
  std::size_t budget_ = max_nodes;
};

Error not_yaml(const YAML::Exception& failure, std::string_view text, std::string_view file) {
  const auto mark = to_mark(failure.mark);
  for (const int line : {mark.line, mark.line - 1}) {
    if (line > 0 && is_indented_with_tab(text, line)) {
      return refusal(file,
                     Mark{line, 1},
                     "this line is indented with a tab, which YAML forbids",
                     "indent with spaces");
    }
  }
  const auto last = text.find_last_not_of(" \t\r\n");
  const auto lines_with_content = std::count(
      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(last, text.size())), '\n');
  return refusal(file,
                 mark,
                 fmt::format("this is not valid YAML: {}", failure.msg),
                 mark.line > lines_with_content
                     ? "the file ends in the middle of an entry: was it saved only in part?"
                     : "look at the indentation, colons, brackets and quotes of this line and the "
                       "one before");
}

}  // namespace

NodePtr parse_tree(std::string_view text, std::string_view file) {
  Builder builder{text, file};
  try {
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& failure) {
    throw not_yaml(failure, text, file);
  }
  const auto root = builder.root();
  return root && !root->is_null() ? root : nullptr;
}

bool same_content(const Node& a, const Node& b) {
  if (&a == &b) {
    return true;
  }
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!same_content(*a.items[i], *b.items[i])) {
      return false;
    }
  }
  std::unordered_map<std::string_view, const Node*> other;
  for (const auto& member : b.members) {
    other.emplace(member.key, member.value.get());
  }
  return std::all_of(a.members.begin(), a.members.end(), [&](const Member& member) {
    const auto found = other.find(member.key);
    return found != other.end() && same_content(*member.value, *found->second);
  });
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "text";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "nothing";
}

}  // namespace portoser::registry
