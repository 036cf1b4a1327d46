#include "controller/registry/editor.h"

#include "common/log.h"
#include "controller/registry/edit_rules.h"
#include "controller/registry/expected.h"
#include "controller/registry/load.h"
#include "controller/registry/masked_text.h"
#include "controller/registry/text.h"
#include "controller/registry/tree.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

namespace portoser::registry {
namespace {

constexpr std::chrono::seconds lock_patience{5};
/// Somebody who saves so often in a row writes without pause.
constexpr int most_attempts = 20;

Error broken_file(const Error& why) {
  return Error{Code::conflict,
               "the file cannot be edited, since it cannot be used as it is: " + why.message(),
               why.where()}
      .reason("REGISTRY_BROKEN")
      .hint("mend it by hand, or replace its text with PUT /api/registry")
      .details(std::vector<ErrorDetail>{why.details()});
}

Error saved_all_the_time(const std::string& file) {
  return Error{Code::unavailable, "registry.yml is being saved all the time", file}.reason(
      "REGISTRY_LOCKED");
}

/// An edit of a text, with all that has to be so before and after.
class TextEdit {
 public:
  /// `in_force`: what was read last and is good.
  TextEdit(const EntryEdit& edit,
           const EditTerms& terms,
           const std::string& file,
           const Registry& in_force)
      : edit_(edit), terms_(terms), file_(file), in_force_(in_force) {}

  std::string apply(const std::string& before) const {
    const auto old = read_before(before);
    require_revision(terms_.if_revision, revision_of_entry(old, edit_.section, edit_.name));
    if (edit_.kind == EntryEdit::Kind::remove) require_removable(old, edit_, terms_.force);
    auto after = apply_edit(before, file_, edit_);
    // What ends inside a line of the text before looks like a save that is not over.
    if (is_cut_off(after, before) || is_cut_off(after, in_force_.text)) {
      after = with_last_line(after);
    }
    const auto result = read_after(after);
    if (edit_.kind != EntryEdit::Kind::remove) require_no_new_errors(old, result, edit_);
    return after;
  }

 private:
  [[nodiscard]] std::string with_last_line(const std::string& text) const {
    auto whole = text + "\n";
    // A block scalar that keeps its last lines would say something else.
    if (!first_difference(parse_tree(without_bom(text), file_),
                          parse_tree(without_bom(whole), file_))) {
      return whole;
    }
    throw Error{
        Code::conflict,
        fmt::format("\"{}\" cannot be edited: the file ends in the middle of a line", edit_.name),
        file_}
        .reason("EDIT_NOT_SAFE")
        .hint("end its last line with a line break");
  }

  [[nodiscard]] Registry read_before(const std::string& text) const {
    if (is_cut_off(text, in_force_.text)) {
      throw broken_file(
          Error{Code::conflict, "it ends in the middle of a line: is it being saved?", file_});
    }
    try {
      return parse_registry(text, file_);
    } catch (const Error& error) {
      // One that was good has vanished or was emptied: a registry of one entry is not what is
      // meant.
      if (!in_force_.revision.empty()) throw broken_file(error);
      // A file without anything in it is where a first entry goes; what else is wrong with it is
      // seen when the result is read.
      if (edit_.kind != EntryEdit::Kind::add) throw broken_file(error);
    }
    return {};
  }

  [[nodiscard]] Registry read_after(const std::string& text) const {
    try {
      return parse_registry(text, file_);
    } catch (const Error& error) {
      throw broken_file(error);
    }
  }

  const EntryEdit& edit_;
  const EditTerms& terms_;
  const std::string& file_;
  const Registry& in_force_;
};

Problem problem_of(const Error& error) {
  return Problem{error.message(), error.where(), error.hint(), error.details()};
}

}  // namespace

RegistryEditor::RegistryEditor(RegistryWatch& watch,
                               std::filesystem::path file,
                               std::filesystem::path backups,
                               const Clock& clock,
                               std::function<void()> before_replace)
    : watch_(watch),
      file_(file, std::move(before_replace)),
      backups_(std::move(backups)),
      file_name_(file.string()),
      clock_(clock) {}

RegistryEditor::~RegistryEditor() {
  stopping_ = true;
  thread_.join();
  reading_.join();
}

std::optional<std::string> RegistryEditor::read_at_rest() const {
  constexpr std::chrono::milliseconds look_again{50};
  constexpr int most_looks = 60;
  for (int look = 0; look < most_looks; ++look) {
    auto text = file_.read();
    if (!text || *text == last_written_ || file_.is_at_rest()) return text;
    if (stopping_) break;
    std::this_thread::sleep_for(look_again);
  }
  throw saved_all_the_time(file_name_);
}

std::string RegistryEditor::write(const EditTerms& terms,
                                  const std::string& what,
                                  RegistryFile::Deadline deadline,
                                  const Change& change) {
  const auto lock = file_.lock(deadline, stopping_);
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (attempt > 0 && std::chrono::steady_clock::now() >= deadline) break;
    const auto before = read_at_rest();
    auto after = change(before);
    if (before == after) return after;
    std::optional<Backup> backup;
    if (before) backup = backups_.add(clock_.now(), terms.who, what, *before);
    bool is_written = false;
    try {
      is_written = file_.replace(before, after);
    } catch (...) {
      if (backup) backups_.withdraw(*backup);
      throw;
    }
    if (is_written) {
      last_written_ = after;
      log::info("registry",
                "registry written",
                {{"who", terms.who}, {"what", what}, {"revision", revision_of(after)}});
      return after;
    }
    // Somebody saved the file meanwhile: once more, with what they saved.
    if (backup) backups_.withdraw(*backup);
  }
  throw saved_all_the_time(file_name_);
}

asio::awaitable<EditOutcome> RegistryEditor::edit(EntryEdit edit, EditTerms terms) {
  if (edit.kind == EntryEdit::Kind::add) require_new_name(edit);
  const auto in_force = watch_.snapshot()->registry;
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  auto work = [this, &edit, &terms, &in_force, deadline] {
    const TextEdit maker{edit, terms, file_name_, *in_force};
    return write(
        terms, summary_of(edit), deadline, [&maker](const std::optional<std::string>& before) {
          return maker.apply(before.value_or(""));
        });
  };
  auto text = co_await on_pool(thread_, std::move(work));
  const auto written = co_await put_in_force(std::move(text));
  EditOutcome outcome;
  outcome.revision = written->revision;
  outcome.entry_revision = revision_of_entry(*written, edit.section, edit.name);
  for (auto& finding : findings_of_entry(*written, edit.section, edit.name)) {
    if (finding.severity == Severity::warning) outcome.warnings.push_back(std::move(finding));
  }
  co_return outcome;
}

asio::awaitable<void> RegistryEditor::require_possible(EntryEdit edit, EditTerms terms) {
  const auto in_force = watch_.snapshot()->registry;
  auto work = [this, &edit, &terms, &in_force] {
    file_.require_writable();
    const TextEdit maker{edit, terms, file_name_, *in_force};
    maker.apply(file_.read().value_or(""));
  };
  co_await on_pool(reading_, std::move(work));
}

/// What was written is the answer, and not what is in force by now: somebody may have changed it
/// again. But it must have been taken.
asio::awaitable<std::shared_ptr<const Registry>> RegistryEditor::put_in_force(std::string text) {
  const auto state = co_await watch_.reload();
  if (state->registry->revision == revision_of(text)) co_return state->registry;
  if (const auto& problem = state->problem) {
    throw Error{
        Code::conflict, "it is written and not in force: " + problem->message, problem->where}
        .reason("REGISTRY_BROKEN")
        .hint(problem->hint);
  }
  co_return std::make_shared<const Registry>(parse_registry(text, file_name_));
}

asio::awaitable<TextOnDisk> RegistryEditor::text() {
  auto work = [this] {
    TextOnDisk found;
    if (const auto text = file_.read()) {
      found.text = masked_text(*text);
      found.revision = revision_of(*text);
    }
    return found;
  };
  co_return co_await on_pool(reading_, std::move(work));
}

std::string RegistryEditor::write_text(
    const EditTerms& terms,
    const std::string& what,
    RegistryFile::Deadline deadline,
    const std::function<std::string(const std::string& before)>& make) {
  return write(terms, what, deadline, [&](const std::optional<std::string>& before) {
    require_revision(terms.if_revision, before ? revision_of(*before) : "");
    auto after = make(before.value_or(""));
    // An error of the text itself is the client's.
    parse_registry(after, file_name_);
    if (before && is_cut_off(after, *before)) {
      throw Error{
          Code::invalid, "the text ends inside a line, where the one before went on", "body.text"}
          .hint("was it copied only in part? If not, end it with a new line");
    }
    return after;
  });
}

asio::awaitable<TextOutcome> RegistryEditor::replace(std::string text, EditTerms terms) {
  const auto before = watch_.snapshot();
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  auto work = [this, &text, &terms, deadline] {
    return write_text(terms, "text replaced", deadline, [&text](const std::string& old) {
      return unmasked_text(text, old);
    });
  };
  auto written = co_await on_pool(thread_, std::move(work));
  co_return co_await finish(std::move(written), *before->registry);
}

asio::awaitable<TextOutcome> RegistryEditor::restore(std::string id, EditTerms terms) {
  const auto before = watch_.snapshot();
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  auto work = [this, &id, &terms, deadline] {
    const auto text = backups_.text_of(id);
    return write_text(
        terms, "restored " + id, deadline, [&text](const std::string& /*old*/) { return text; });
  };
  auto written = co_await on_pool(thread_, std::move(work));
  co_return co_await finish(std::move(written), *before->registry);
}

asio::awaitable<TextOutcome> RegistryEditor::finish(std::string text, const Registry& before) {
  const auto written = co_await put_in_force(std::move(text));
  TextOutcome outcome;
  outcome.revision = written->revision;
  outcome.changes = changes_between(before, *written);
  outcome.findings = written->findings;
  co_return outcome;
}

asio::awaitable<Preview> RegistryEditor::preview(std::string text) {
  const auto in_force = watch_.snapshot();
  auto work = [this, &text, &in_force] {
    Preview preview;
    try {
      const auto old = file_.read();
      auto registry = parse_registry(unmasked_text(text, old.value_or("")), file_name_);
      preview.valid = true;
      preview.changes = changes_between(*in_force->registry, registry);
      preview.findings = std::move(registry.findings);
    } catch (const Error& error) {
      if (error.code() != Code::invalid) throw;
      preview.problem = problem_of(error);
    }
    return preview;
  };
  co_return co_await on_pool(reading_, std::move(work));
}

asio::awaitable<std::vector<Backup>> RegistryEditor::history() {
  auto work = [this] { return backups_.list(); };
  co_return co_await on_pool(reading_, std::move(work));
}

}  // namespace portoser::registry
