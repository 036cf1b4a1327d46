// Any bytes are a registry or an Error: nothing else leaves parse_registry. What is a registry can
// be edited or the edit is refused, and its secrets can be hidden and put back. Built with
// libFuzzer
// (`-fsanitize=fuzzer`), or called by corpus_registry and
// tests/unit/registry/samples_test.cpp.
#include "common/error.h"
#include "controller/registry/edit.h"
#include "controller/registry/load.h"
#include "controller/registry/masked_text.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace portoser::registry;

/// A refusal is fine, a fault of ours is not.
void edit(std::string_view text, const EntryEdit& edit) {
  try {
    const auto after = apply_edit(text, "registry.yml", edit);
    // It may lack what a registry needs, but it is YAML.
    if (after != text) (void)parse_registry(after, "registry.yml");
  } catch (const portoser::Error& error) {
    if (error.code() == portoser::Code::internal) __builtin_trap();
  }
}

void edit_in_every_way(std::string_view text, const Registry& registry) {
  const FieldChange port{"port", FieldValue::of_number(8091)};
  const FieldChange list{"dependencies", FieldValue::of_texts({"a", "b: c"})};
  edit(text, {EntryEdit::Kind::add, Section::services, "added", {port, list}});
  edit(text, {EntryEdit::Kind::add, Section::hosts, "added", {{"ip", FieldValue::of_text("a")}}});
  if (!registry.services().empty()) {
    const auto& name = registry.services().front().name;
    edit(text, {EntryEdit::Kind::change, Section::services, name, {port, list, {"health", {}}}});
    edit(text, {EntryEdit::Kind::remove, Section::services, name, {}});
  }
  if (!registry.hosts().empty()) {
    const auto& name = registry.hosts().back().name;
    edit(text, {EntryEdit::Kind::change, Section::hosts, name, {{"ip", {}}}});
    edit(text, {EntryEdit::Kind::remove, Section::hosts, name, {}});
  }
}

void hide_and_put_back(const std::string& text) {
  if (unmasked_text(masked_text(text), text) != text) __builtin_trap();
  // Somebody edits what is shown.
  const std::string edit = "\n# edited\n";
  std::string after;
  try {
    after = unmasked_text(masked_text(text) + edit, text);
  } catch (const portoser::Error& error) {
    if (error.reason() != "MASKED_SECRET") __builtin_trap();
    return;
  }
  if (after == text + edit) return;
  // What is shown is no YAML where a secret was an anchor: then nobody takes it.
  try {
    (void)parse_registry(after, "registry.yml");
  } catch (const portoser::Error&) {
    return;
  }
  __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    const auto registry = portoser::registry::parse_registry(text, "registry.yml");
    for (const auto& service : registry.services()) {
      if (registry.find_service(service.name) == nullptr) {
        __builtin_trap();
      }
      (void)registry.compose_candidates(service);
    }
    // An edit reads the text several times: not of what is as large as only a fuzzer makes it.
    if (text.size() < 20'000) {
      edit_in_every_way(text, registry);
      hide_and_put_back(std::string{text});
    }
  } catch (const portoser::Error& error) {
    if (error.where().empty() || error.details().empty()) {
      __builtin_trap();
    }
  }
  return 0;
}
