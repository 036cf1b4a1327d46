/// Reads one map of the registry: keys by any of their names, types checked, unknown keys found.
/// Private to the room.
#pragma once

#include "controller/registry/notes.h"
#include "controller/registry/tree.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace portoser::registry {

/// The canonical name of a key first, then its aliases.
using Names = std::initializer_list<std::string_view>;

/// A whole number; nullopt for anything else.
std::optional<long long> to_number(std::string_view text);

class Fields {
 public:
  /// Notes every key that is there twice, as an error: which of the two was meant is unknown.
  /// `map` and `notes` outlive this.
  Fields(const Node& map, std::string path, Notes& notes);

  /// The member under the first of `names` that has a value; null values count as absent. Another
  /// of the names with different content is noted.
  const Member* find(Names names);
  /// Text of a scalar; empty when absent. Another type is noted with `severity`.
  std::string text(Names names, Severity severity = Severity::error);
  std::optional<int> number(Names names, int low, int high, Severity severity = Severity::error);
  std::optional<double> amount(Names names);
  std::optional<bool> flag(Names names);
  /// A list of plain values; one plain value alone is taken for a list of one, with a warning.
  std::vector<std::string> texts(Names names, Severity severity = Severity::error);
  /// The map under `names`, or null; another type is a warning.
  const Member* map(Names names);
  /// Keys that are kept and not read.
  void known(Names names);

  /// Notes every key that no call above has named. Keys that begin with "x-" are the user's own.
  void report_unknown();

  [[nodiscard]] Place place(const Member& member) const;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Notes& notes() { return *notes_; }

  /// "a list is here; ..." with the place of the value.
  void wrong_type(const Member& member, std::string_view wanted, Severity severity);

 private:
  const Node* node_;
  std::string path_;
  Notes* notes_;
  std::unordered_map<std::string_view, const Member*> members_;
  std::vector<std::string_view> known_;
  std::unordered_set<const Member*> clashes_;  ///< noted already
};

/// One element of a list such as `roles`, `ports` or `dependencies`.
struct Element {
  const Node* node;
  Place place;
};
/// The elements of a list, or the value itself where it is no list.
std::vector<Element> elements(const Member& member, const Place& place);

}  // namespace portoser::registry
