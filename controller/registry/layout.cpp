#include "controller/registry/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace portoser::registry {
namespace {

std::size_t offset_of(const YAML::Mark& mark) {
  return static_cast<std::size_t>(std::max(mark.pos, 0));
}

/// yaml-cpp's events tell where things begin.
class PieceBuilder : public YAML::EventHandler {
 public:
  [[nodiscard]] PiecePtr take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(make(Piece::Kind::null, mark, "", anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    attach(make(Piece::Kind::alias, mark, "", 0));
  }
  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    auto piece = make(Piece::Kind::scalar, mark, tag, anchor);
    piece->text = value;
    attach(std::move(piece));
  }
  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Piece::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Piece::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    PiecePtr piece;
    std::optional<PieceMember> member;  ///< map: its value is awaited
  };

  static PiecePtr make(Piece::Kind kind,
                       const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor) {
    auto piece = std::make_unique<Piece>();
    piece->kind = kind;
    piece->begin = offset_of(mark);
    piece->anchored = anchor != 0;
    // "?" and "!" are what is not written.
    piece->tagged = !tag.empty() && tag != "?" && tag != "!";
    return piece;
  }

  void open(Piece::Kind kind,
            const YAML::Mark& mark,
            const std::string& tag,
            YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    auto piece = make(kind, mark, tag, anchor);
    piece->flow = style == YAML::EmitterStyle::Flow;
    frames_.push_back(Frame{std::move(piece), std::nullopt});
  }

  void close() {
    auto piece = std::move(frames_.back().piece);
    frames_.pop_back();
    attach(std::move(piece));
  }

  void attach(PiecePtr piece) {
    if (frames_.empty()) {
      root_ = std::move(piece);
      return;
    }
    auto& frame = frames_.back();
    if (frame.piece->is_list()) {
      frame.piece->items.push_back(std::move(piece));
    } else if (frame.member) {
      frame.member->value = std::move(piece);
      frame.piece->members.push_back(std::move(*frame.member));
      frame.member.reset();
    } else {
      PieceMember member;
      member.key = piece->text;
      member.begin = piece->begin;
      member.odd = piece->kind != Piece::Kind::scalar || piece->anchored || piece->tagged;
      frame.member = std::move(member);
    }
  }

  PiecePtr root_;
  std::vector<Frame> frames_;
};

}  // namespace

const PieceMember* Piece::find(std::string_view key) const {
  const auto found = std::find_if(
      members.begin(), members.end(), [&](const PieceMember& member) { return member.key == key; });
  return found == members.end() ? nullptr : &*found;
}

PiecePtr parse_layout(std::string_view text, std::string_view file) {
  PieceBuilder builder;
  try {
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& failure) {
    throw not_safe(file,
                   Mark{failure.mark.line + 1, failure.mark.column + 1},
                   fmt::format("the file could not be read any more: {}", failure.msg),
                   "edit the file by hand");
  }
  auto root = builder.take_root();
  if (!root || root->kind == Piece::Kind::null) return nullptr;
  place_ends(*root, text, file);
  return root;
}

Mark mark_of(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto newline = before.rfind('\n');
  const auto start = newline == std::string_view::npos ? 0 : newline + 1;
  return Mark{static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
              static_cast<int>(before.size() - start) + 1};
}

Error not_safe(std::string_view file,
               Mark mark,
               const std::string& message,
               std::string_view hint) {
  return Error{Code::conflict, message, where(file, mark)}.reason("EDIT_NOT_SAFE").hint(hint);
}

}  // namespace portoser::registry
