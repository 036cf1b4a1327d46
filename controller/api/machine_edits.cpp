#include "controller/api/machine_edits.h"

#include "controller/api/edit_terms.h"
#include "controller/api/entity_tags.h"
#include "controller/api/entry_fields.h"

namespace portoser::api {
namespace {

struct MachineEdited {
  bool success = true;
  std::string machine;
  std::string revision;                     ///< of registry.yml
  std::vector<registry::Finding> warnings;  ///< about the entry
};
BOOST_DESCRIBE_STRUCT(MachineEdited, (), (success, machine, revision, warnings))

registry::EntryEdit edit_of(registry::EntryEdit::Kind kind, std::string name) {
  registry::EntryEdit edit;
  edit.kind = kind;
  edit.section = registry::Section::hosts;
  edit.name = std::move(name);
  return edit;
}

http::Response machine_answer(std::string name, registry::EditOutcome outcome, unsigned status) {
  MachineEdited answer;
  answer.machine = std::move(name);
  answer.revision = std::move(outcome.revision);
  answer.warnings = std::move(outcome.warnings);
  auto response = http::json_response(dump(to_json(answer)), status);
  if (!outcome.entry_revision.empty()) set_entity_tag(response, outcome.entry_revision);
  return response;
}

}  // namespace

void MachineEditsApi::add_to(http::Router& router) {
  const std::vector<Code> errors{Code::not_found, Code::invalid, Code::conflict, Code::unavailable};
  router.add<MachineEdited>({.method = http::Method::post,
                             .path = "/api/machines",
                             .summary = "Add a host to registry.yml",
                             .role = http::Role::admin,
                             .errors = errors,
                             .success_status = 201},
                            *this,
                            &MachineEditsApi::add);
  for (const auto method : {http::Method::put, http::Method::patch}) {
    router.add<MachineEdited>(
        {.method = method,
         .path = "/api/machines/{machine}",
         .summary = "Change fields of a host in registry.yml: those of the body, null takes one "
                    "out. With If-Match, only what was read (412)",
         .role = http::Role::admin,
         .errors = errors},
        *this,
        &MachineEditsApi::change);
  }
  router.add<MachineEdited>({.method = http::Method::delete_,
                             .path = "/api/machines/{machine}",
                             .summary = "Take a host without services out of registry.yml; its "
                                        "agent and its device stay",
                             .role = http::Role::admin,
                             .errors = errors},
                            *this,
                            &MachineEditsApi::remove);
}

asio::awaitable<http::Response> MachineEditsApi::add(http::Call<MachineFields> call) {
  auto edit = edit_of(registry::EntryEdit::Kind::add, require_name(call.body.name));
  edit.fields = changes_of<MachineFields>(http::parse_object_body(call.request().body));
  if (call.body.ip.value_or("").empty()) {
    throw Error{Code::invalid, "the address is missing", "body.ip"};
  }
  auto outcome = co_await editor_.edit(edit, edit_terms_of(call));
  co_return machine_answer(edit.name, std::move(outcome), 201);
}

asio::awaitable<http::Response> MachineEditsApi::change(http::Call<MachineFields> call) {
  auto edit = edit_of(registry::EntryEdit::Kind::change, call.param("machine"));
  require_same_name(call.body.name, edit.name);
  edit.fields = changes_of<MachineFields>(http::parse_object_body(call.request().body));
  auto outcome = co_await editor_.edit(edit, edit_terms_of(call));
  co_return machine_answer(edit.name, std::move(outcome), 200);
}

asio::awaitable<http::Response> MachineEditsApi::remove(http::Call<void> call) {
  auto edit = edit_of(registry::EntryEdit::Kind::remove, call.param("machine"));
  auto outcome = co_await editor_.edit(edit, edit_terms_of(call));
  co_return machine_answer(edit.name, std::move(outcome), 200);
}

}  // namespace portoser::api
