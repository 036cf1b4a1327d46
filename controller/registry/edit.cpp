#include "controller/registry/edit.h"

#include "controller/registry/dialect.h"
#include "controller/registry/expected.h"
#include "controller/registry/layout.h"
#include "controller/registry/names.h"
#include "controller/registry/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace portoser::registry {
namespace {

bool is_older_health_key(std::string_view field) {
  return field == "healthcheck_url" || field == "healthcheck_command";
}

/// The keys of a `health` map that go before an older key, those in force first.
Spellings health_keys_of(std::string_view field, const Node& health) {
  Spellings keys;
  const auto* endpoint = find_member(health, "endpoint");
  if (field == "healthcheck_url" && endpoint != nullptr && endpoint->value->is_scalar()) {
    const std::string_view text = endpoint->value->text;
    if (text.starts_with("http://") || text.starts_with("https://")) keys.push_back("endpoint");
  }
  if (field == "healthcheck_url" && find_member(health, "url") != nullptr) keys.push_back("url");
  const bool has_command = find_member(health, "command") != nullptr;
  if (field == "healthcheck_command" && has_command) keys.push_back("command");
  return keys;
}

/// Works out the steps of an edit from what the file says.
class Planner {
 public:
  Planner(const Node* root, std::string_view file, const EntryEdit& edit)
      : root_(root), file_(file), edit_(edit) {
    for (const auto key : section_keys(edit.section)) {
      const auto* section = root == nullptr ? nullptr : find_member(*root, key);
      if (section == nullptr) continue;
      const bool is_alias = std::any_of(sections_.begin(), sections_.end(), [&](const Member* one) {
        return one->value == section->value;
      });
      if (!is_alias) sections_.push_back(section);
    }
    for (const auto* section : sections_) {
      if (const auto* entry = find_member(*section->value, edit.name)) {
        found_.emplace_back(section, entry);
      }
    }
  }

  std::vector<EditStep> plan() {
    require_one_health();
    switch (edit_.kind) {
      case EntryEdit::Kind::add:
        add();
        break;
      case EntryEdit::Kind::change:
        require_found();
        change();
        break;
      case EntryEdit::Kind::remove:
        require_found();
        for (const auto& [section, entry] : found_) {
          steps_.push_back(EditStep{{section->key}, edit_.name, std::nullopt});
        }
        break;
    }
    return std::move(steps_);
  }

 private:
  void add() {
    if (!found_.empty()) {
      const auto& [section, entry] = found_.front();
      throw Error{Code::conflict,
                  fmt::format("there is a {} \"{}\" already", word_for(edit_.section), edit_.name),
                  where(file_, entry->mark)}
          .reason("NAME_TAKEN")
          .hint("choose another name, or change the one that is there");
    }
    auto entry = new_entry();
    const auto* section = sections_.empty() ? nullptr : sections_.front();
    if (section != nullptr && !section->value->is_map() && !section->value->is_null()) {
      throw not_safe(file_,
                     section->mark,
                     fmt::format("\"{}\" is {}", section->key, kind_name(*section->value)),
                     "make it a map by hand");
    }
    if (section != nullptr && section->value->is_map() && !section->value->members.empty()) {
      steps_.push_back(EditStep{{section->key}, edit_.name, std::move(entry)});
      return;
    }
    auto key = section != nullptr ? section->key : new_section_key(root_, edit_.section);
    std::vector<FieldValue::Member> only;
    only.emplace_back(edit_.name, std::move(entry));
    steps_.push_back(EditStep{{}, std::move(key), FieldValue::of_map(std::move(only))});
  }

  FieldValue new_entry() const {
    std::vector<FieldValue::Member> members;
    for (const auto& [field, value] : edit_.fields) {
      if (value.kind == FieldValue::Kind::null) continue;
      members.emplace_back(usual_spelling(root_, edit_.section, field), value);
    }
    return FieldValue::of_map(std::move(members));
  }

  void require_found() const {
    if (!found_.empty()) return;
    std::vector<std::string_view> names;
    for (const auto* section : sections_) {
      for (const auto& entry : section->value->members) names.push_back(entry.key);
    }
    const auto close = nearest(edit_.name, names);
    throw Error{
        Code::not_found,
        fmt::format("there is no {} \"{}\" in registry.yml", word_for(edit_.section), edit_.name)}
        .reason(edit_.section == Section::hosts ? "MACHINE_UNKNOWN" : "SERVICE_UNKNOWN")
        .hint(close.empty() ? "" : fmt::format("did you mean \"{}\"?", close));
  }

  void change() {
    const auto& [section, entry] = found_.front();
    if (found_.size() > 1) {
      throw not_safe(
          file_,
          found_.back().second->mark,
          fmt::format("the host \"{}\" stands under \"hosts\" and under \"machines\"", edit_.name),
          "remove one of them");
    }
    if (entry->value->is_null()) {
      steps_.push_back(EditStep{{section->key}, edit_.name, new_entry()});
      return;
    }
    if (!entry->value->is_map()) {
      throw not_safe(
          file_,
          entry->mark,
          fmt::format(
              "the {} \"{}\" is {}", word_for(edit_.section), edit_.name, kind_name(*entry->value)),
          "make it a map by hand");
    }
    const Path path{section->key, edit_.name};
    for (const auto& change : edit_.fields) change_field(*entry->value, path, change);
  }

  void change_field(const Node& entry, const Path& path, const FieldChange& change) {
    const bool is_null = change.value.kind == FieldValue::Kind::null;
    if (is_null && is_older_health_key(change.field) && edits_health(&entry)) return;
    const auto* health = find_member(entry, "health");
    if (health != nullptr && health->value->is_map()) {
      auto inner = path;
      inner.push_back(health->key);
      for (const auto key : health_keys_of(change.field, *health->value)) {
        set_or_remove(*health->value, inner, std::string{key}, {key}, change.value);
        if (!is_null) return;
      }
    }
    const auto names = spellings_of(edit_.section, change.field);
    set_or_remove(
        entry, path, usual_spelling(root_, edit_.section, change.field), names, change.value);
  }

  /// Taking out a `health` that is not there says nothing.
  [[nodiscard]] bool edits_health(const Node* entry) const {
    const bool is_there = entry != nullptr && find_member(*entry, "health") != nullptr;
    return std::any_of(edit_.fields.begin(), edit_.fields.end(), [&](const FieldChange& change) {
      return change.field == "health" && (is_there || change.value.kind != FieldValue::Kind::null);
    });
  }

  /// `health` and the older keys mean the same: of two values nobody knows which is meant.
  void require_one_health() const {
    const auto* entry = found_.empty() ? nullptr : found_.front().second->value.get();
    if (edit_.section != Section::services || !edits_health(entry)) return;
    for (const auto& change : edit_.fields) {
      if (!is_older_health_key(change.field)) continue;
      const bool is_there = entry != nullptr && find_member(*entry, change.field) != nullptr;
      if (change.value.kind == FieldValue::Kind::null && !is_there) continue;
      throw Error{Code::invalid,
                  fmt::format("\"health\" and \"{}\" say the same thing", change.field),
                  "body." + change.field}
          .hint("say it in one of them");
    }
  }

  /// `names` in the order in which they are read; `usual` is for a map that has none of them.
  void set_or_remove(const Node& map,
                     const Path& path,
                     const std::string& usual,
                     const Spellings& names,
                     const FieldValue& value) {
    if (value.kind == FieldValue::Kind::null) {
      for (const auto name : names) {
        if (const auto* member = find_member(map, name)) remove_member_of(*member, path);
      }
      return;
    }
    const Member* in_force = nullptr;
    const Member* empty = nullptr;
    for (const auto name : names) {
      const auto* member = find_member(map, name);
      if (member == nullptr) continue;
      auto& place = member->value->is_null() ? empty : in_force;
      if (place == nullptr) place = member;
    }
    const auto* member = in_force != nullptr ? in_force : empty;
    if (member == nullptr) {
      steps_.push_back(EditStep{path, usual, value});
    } else if (!says(*member->value, value)) {
      set_existing(*member, path, value);
    }
  }

  void set_existing(const Member& member, const Path& path, const FieldValue& value) {
    auto inner = path;
    inner.push_back(member.key);
    const bool has_own_map =
        !member.merged && member.value->is_map() && !member.value->members.empty();
    if (has_own_map && value.kind == FieldValue::Kind::map && !value.members.empty()) {
      set_map(*member.value, inner, value);
    } else if (has_own_map && value.kind == FieldValue::Kind::list && !value.items.empty()) {
      set_names(*member.value, inner, value);
    } else {
      steps_.push_back(EditStep{path, member.key, value});
    }
  }

  /// Member by member, so that comments beside what stays are kept.
  void set_map(const Node& map, const Path& path, const FieldValue& value) {
    std::vector<std::string> wanted;
    for (const auto& [key, member] : value.members) {
      const auto names = health_spellings_of(key);
      set_or_remove(map, path, key, names, member);
      for (const auto name : names) wanted.emplace_back(name);
    }
    for (const auto& member : map.members) {
      if (std::find(wanted.begin(), wanted.end(), member.key) == wanted.end()) {
        remove_member_of(member, path);
      }
    }
  }

  /// Dependencies may be a map whose keys are the services.
  void set_names(const Node& map, const Path& path, const FieldValue& value) {
    std::vector<std::string> wanted;
    for (const auto& item : value.items) {
      wanted.push_back(item.text);
      if (find_member(map, item.text) == nullptr) {
        steps_.push_back(EditStep{path, item.text, FieldValue::of_map({})});
      }
    }
    for (const auto& member : map.members) {
      if (std::find(wanted.begin(), wanted.end(), member.key) == wanted.end()) {
        remove_member_of(member, path);
      }
    }
  }

  void remove_member_of(const Member& member, const Path& path) {
    if (member.merged) {
      throw not_safe(file_,
                     member.mark,
                     fmt::format("\"{}\" does not stand in {} itself: it comes in through a merge "
                                 "key (<<)",
                                 member.key,
                                 fmt::join(path, ".")),
                     "take it out of what is merged, or give it another value here");
    }
    steps_.push_back(EditStep{path, member.key, std::nullopt});
  }

  const Node* root_;
  std::string_view file_;
  const EntryEdit& edit_;
  std::vector<const Member*> sections_;  ///< those that are there, aliases of one another once
  std::vector<std::pair<const Member*, const Member*>> found_;  ///< section and entry
  std::vector<EditStep> steps_;
};

NodePtr read_tree(std::string_view content, std::string_view file) {
  try {
    check_characters(content, file);
    auto root = parse_tree(content, file);
    if (root && !root->is_map()) {
      throw refusal(file, root->mark, "the registry is no map", "");
    }
    return root;
  } catch (const Error& error) {
    throw Error{Code::conflict,
                "the file cannot be edited, since it cannot be read: " + error.message(),
                error.where()}
        .reason("REGISTRY_BROKEN")
        .hint(error.hint());
  }
}

std::string rewritten(std::string text, std::string_view file, const EditStep& step) {
  if (step.value) return set_member(text, file, step.map, step.key, *step.value);
  return remove_member(text, file, step.map, step.key);
}

/// What is written must say what was meant, all of it and nothing else.
void require_expected(const NodePtr& expected,
                      const std::string& content,
                      std::string_view file,
                      const EntryEdit& edit) {
  NodePtr actual;
  std::string problem;
  try {
    check_characters(content, file);
    actual = parse_tree(content, file);
  } catch (const Error& error) {
    problem = "the file could not be read any more: " + error.message();
  }
  if (problem.empty()) {
    const auto difference = first_difference(expected, actual);
    if (!difference) return;
    problem = fmt::format("\"{}\" would say something else than it should", *difference);
  }
  throw Error{
      Code::conflict,
      fmt::format(
          "\"{}\" cannot be edited without touching something else: {}", edit.name, problem),
      std::string{file}}
      .reason("EDIT_NOT_SAFE")
      .hint("edit the file by hand; anchors, aliases and merge keys are the usual reason");
}

}  // namespace

std::string_view word_for(Section section) {
  return section == Section::hosts ? "host" : "service";
}

std::string apply_edit(std::string_view text, std::string_view file, const EntryEdit& edit) {
  const auto before = without_bom(text);
  const auto root = read_tree(before, file);
  const auto steps = Planner{root.get(), file, edit}.plan();
  if (steps.empty()) return std::string{text};
  std::string content{before};
  auto expected = root;
  for (const auto& step : steps) {
    // The places of later steps are looked for in what earlier ones left.
    content = rewritten(std::move(content), file, step);
    expected = with_step(expected, step);
  }
  require_expected(expected, content, file, edit);
  return std::string{text.substr(0, text.size() - before.size())} + content;
}

}  // namespace portoser::registry
