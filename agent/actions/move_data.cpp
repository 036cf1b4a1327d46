#include "agent/actions/move_data.h"

#include "agent/actions/failure_text.h"
#include "agent/transfer/parameters.h"
#include "common/describe_json.h"
#include "common/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace portoser::agent::actions {
namespace {

Error refused(const std::string& what, const std::string& where) {
  return Error{Code::invalid, what, where};
}

void check_roots(const std::vector<protocol::DataRoot>& roots) {
  constexpr std::array<std::string_view, 4> kinds{"folder", "path", "volume", "image"};
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const auto& root = roots[i];
    const auto where = fmt::format("roots[{}]", i);
    if (std::find(kinds.begin(), kinds.end(), root.kind) == kinds.end()) {
      throw refused(fmt::format("there is no kind of data \"{}\"", root.kind), where + ".kind");
    }
    const bool is_folder = root.kind == "folder" || root.kind == "path";
    if (is_folder && !root.path.starts_with('/')) {
      throw refused(fmt::format("\"{}\" is no absolute path", root.path), where + ".path");
    }
    if (root.kind == "volume" && root.volume.empty()) {
      throw refused("a volume needs a name", where + ".volume");
    }
    if (root.kind == "image" && root.image.empty() && root.reference.empty()) {
      throw refused("an image needs an id or a name", where + ".image");
    }
  }
}

template <class Command>
void check_transfer(const Command& command) {
  if (command.service.empty()) throw refused("which service?", "service");
  if (!is_ulid(command.stream)) throw refused("the stream's id is not a ULID", "stream");
  if (command.rate_limit_kib < 0) throw refused("rate_limit_kib is negative", "rate_limit_kib");
  check_roots(command.roots);
}

template <class Command>
transfer::Parameters common_parameters(const Command& command, const MoveSettings& settings) {
  transfer::Parameters out;
  out.data = settings.data_folder.string();
  out.engine_socket = settings.engine_socket;
  out.stream_socket = settings.stream_socket;
  out.move = command.move;
  out.roots = command.roots;
  return out;
}

/// Of either end of a transfer.
template <class Command>
transfer::Parameters transfer_parameters(const Command& command, const MoveSettings& settings) {
  auto out = common_parameters(command, settings);
  out.service = command.service;
  out.stream = command.stream;
  out.is_final = command.is_final;
  out.rate_limit_kib = command.rate_limit_kib;
  return out;
}

}  // namespace

void MoveData::add_to(Catalogue& catalogue) {
  catalogue.add<protocol::MoveSend>(*this, &MoveData::plan_send, &MoveData::finish_send);
  catalogue.add<protocol::MoveReceive>(*this, &MoveData::plan_receive, &MoveData::finish_receive);
  catalogue.add<protocol::MoveDiscard>(*this, &MoveData::plan_discard, &MoveData::finish_discard);
}

asio::awaitable<runner::Spec> MoveData::plan_send(protocol::MoveSend command, std::string id) {
  check_transfer(command);
  require_program();
  const auto parameters = transfer_parameters(command, settings_);
  auto spec = spec_of(command.service, id, {"send"});
  spec.parameters = dump(to_json(parameters));
  co_return spec;
}

asio::awaitable<runner::Spec> MoveData::plan_receive(protocol::MoveReceive command,
                                                     std::string id) {
  check_transfer(command);
  require_program();
  auto parameters = transfer_parameters(command, settings_);
  parameters.total_bytes = command.total_bytes;
  parameters.may_replace = command.may_replace;
  std::vector<std::string> steps{"prepare", "fetch"};
  if (command.is_final) steps.emplace_back("compare");
  auto spec = spec_of(command.service, id, steps);
  spec.parameters = dump(to_json(parameters));
  co_return spec;
}

asio::awaitable<runner::Spec> MoveData::plan_discard(protocol::MoveDiscard command,
                                                     std::string id) {
  if (command.target.service.empty()) throw refused("which service?", "target.service");
  if (command.move.empty()) throw refused("which move?", "move");
  check_roots(command.roots);
  require_program();
  auto parameters = common_parameters(command, settings_);
  parameters.service = command.target.service;
  auto spec = spec_of(command.target.service, id, {"discard"});
  spec.parameters = dump(to_json(parameters));
  co_return spec;
}

asio::awaitable<void> MoveData::finish_send(protocol::MoveSend) {
  co_return;
}

asio::awaitable<void> MoveData::finish_receive(protocol::MoveReceive) {
  co_return;
}

asio::awaitable<void> MoveData::finish_discard(protocol::MoveDiscard) {
  co_return;
}

Error MoveData::explain(const StepFailure& failure) {
  return explain_transfer_failure(failure);
}

void MoveData::require_program() const {
  if (::access(settings_.transfer_program.c_str(), X_OK) == 0) return;
  throw Error{Code::unavailable, "the program " + settings_.transfer_program + " is not there"}
      .hint("the agent's installation is not whole: install it again");
}

runner::Spec MoveData::spec_of(const std::string& service,
                               const std::string& id,
                               const std::vector<std::string>& steps) const {
  runner::Spec spec;
  spec.service = service;
  spec.locks.push_back("move " + service);
  // It tells the engine nothing to do with the service's containers.
  spec.is_bystander = true;
  for (const auto& name : steps) {
    runner::Step step;
    step.name = name;
    step.folder = settings_.data_folder.string();
    step.argv = {
        settings_.transfer_program, name, (settings_.data_folder / "journal" / id).string()};
    spec.steps.push_back(std::move(step));
  }
  return spec;
}

}  // namespace portoser::agent::actions
